#pragma once

#include <optional>
#include <string>

namespace llmops::store {

// Where the store is: the folder of --store (`option`, empty when not given), else LLMOPS_STORE,
// else the nearest .llmops with a store file going up from the working directory. Going up, folders
// of other users are passed over: nobody should be able to plant a store above ours.

// The folder for a command that records; ./.llmops when there is none yet. Creates nothing.
std::string store_to_write(const std::string& option);
// The folder for a command that reads; nothing when no run was recorded there yet.
std::optional<std::string> find_store(const std::string& option);
// The same; throws Error(kNotFound) that names the place looked at.
std::string get_store(const std::string& option);

}  // namespace llmops::store
