#include "command/open_store.h"

#include <fmt/format.h>

#include "command/tell.h"
#include "store/locate.h"

namespace llmops::command {

store::Store open_store(const Invocation& invocation) {
  store::Store store = store::Store::open_to_read(store::get_store(invocation.store));
  if (store.is_newer()) {
    tell(invocation.err,
         "llmops: warning: the store was made by a newer llmops; some of it may not show\n");
  }
  return store;
}

}  // namespace llmops::command
