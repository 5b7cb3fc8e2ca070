#include "command/program.h"

int main(int argc, char** argv) {
  return llmops::command::run_program(argc, argv);
}
