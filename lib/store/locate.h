#pragma once

#include <optional>
#include <string>

namespace llmops::store {

// The store is in the folder of --store (`option`, empty when not given), else of LLMOPS_STORE,
// else in the nearest .llmops with a store file, from the working directory upwards. That search
// skips folders of other users: nobody must be able to plant a store in a folder above this user's.

// Returns the folder for a command that records; ./.llmops when there is none yet. Creates nothing.
std::string store_to_write(const std::string& option);
// Returns the folder for a command that reads; nothing when no run was recorded there yet.
std::optional<std::string> find_store(const std::string& option);
// Returns the same; throws Error(kNotFound) that names the folder when there is no store.
std::string get_store(const std::string& option);

}  // namespace llmops::store
