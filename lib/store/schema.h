#pragma once

#include <span>
#include <string>

#include "store/sqlite.h"

namespace llmops::store {

// The tables of the store. Version v of the schema is what the first v scripts make.
std::span<const char* const> schema_scripts();

enum class SchemaState {
  kEmpty,  // a new file
  kOlder,  // can be read once migrated
  kCurrent,
  kNewer,  // made by a newer llmops: can be read, not written
};
// Throws Error(kDamaged) for a database of another program.
SchemaState schema_state(Database& database, std::span<const char* const> scripts);

// Brings the file to the version of `scripts`, in one exclusive transaction that reads the version
// again, so that two processes may try at once. An older store is first copied to
// PATH.bak-vVERSION.
void migrate(Database& database, const std::string& path, std::span<const char* const> scripts);

}  // namespace llmops::store
