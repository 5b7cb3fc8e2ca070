#pragma once

#include <string>
#include <string_view>

#include "store/store.h"

namespace llmops::store {

// Content is stored once, under its sha256: up to 16 KiB in the database, larger content in the
// file FOLDER/blobs/ab/abcd….

// Stores the content, without credentials, and returns its digest. Call it within a transaction. A
// file is durable before the row that names it.
std::string put_blob(Store& store, std::string_view content);

// Returns the content. Throws Error(kDamaged) when it is missing or does not match its digest.
std::string get_blob(Store& store, const std::string& sha256);

}  // namespace llmops::store
