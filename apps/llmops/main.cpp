#include "command/run.h"

int main(int argc, char** argv) {
  return llmops::command::run(argc, argv);
}
