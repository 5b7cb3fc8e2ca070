// CMake wants a source for every library; the modules bring the objects.
