#pragma once

#include <span>
#include <string>

#include "store/sqlite.h"

namespace llmops::store {

// The tables of the store. The first v scripts make version v of the schema.
std::span<const char* const> schema_scripts();

enum class SchemaState {
  kEmpty,  // a new file
  kOlder,  // can be read once migrated
  kCurrent,
  kNewer,  // made by a newer llmops: can be read, not written
};
// Throws Error(kDamaged) for a database of another program.
SchemaState schema_state(Database& database, std::span<const char* const> scripts);

// Brings the file to the version of `scripts`, in one exclusive transaction. That transaction reads
// the version again, because two processes may migrate at once. Copies an older store to
// PATH.bak-vVERSION first.
void migrate(Database& database, const std::string& path, std::span<const char* const> scripts);

}  // namespace llmops::store
