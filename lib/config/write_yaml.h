#pragma once

#include <string>

#include "config/view.h"

namespace llmops::config {

// The settings as a file that reads back as the same settings: every default filled in, unset ones
// null, values from the environment as they were given with the digest of the variable behind them.
std::string write_yaml(const Fields& fields, const Origins& origins);

// The same with the place of every value in a column of comments.
std::string write_yaml_with_origins(const Fields& fields, const Origins& origins);

}  // namespace llmops::config
