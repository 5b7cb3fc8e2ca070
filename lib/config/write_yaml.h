#pragma once

#include <string>

#include "config/view.h"

namespace llmops::config {

// Returns the settings as a file that reads back as the same settings: every default filled in,
// unset keys null, values from the environment as they were given, followed by the digest of the
// variable.
std::string write_yaml(const Fields& fields, const Origins& origins);

// Returns the same with the origin of every value in a column of comments.
std::string write_yaml_with_origins(const Fields& fields, const Origins& origins);

}  // namespace llmops::config
