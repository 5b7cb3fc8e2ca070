#include "config/settings.h"

#include <fmt/format.h>

#include "config/value.h"

namespace llmops::config {

namespace {

class Lister : public Visitor {
 public:
  Lister(const Origins* origins, std::vector<Setting>& out) : origins_(origins), out_(out) {}

 protected:
  void leaf(std::string_view key, FieldRef field, std::string_view, const Rule& rule) override {
    std::string path = path_.of(key);
    Json value = value_of(field);
    if (origins_ != nullptr) {
      const auto origin = origins_->find(path);
      if (origin != origins_->end() && !origin->second.given.is_null()) {
        value = origin->second.given;
      }
    }
    out_.push_back({std::move(path), std::move(value), rule.role});
  }
  bool enter(std::string_view key, std::string_view) override {
    path_.enter(key);
    return true;
  }
  bool enter_optional(std::string_view key, std::string_view doc, bool present) override {
    return present && enter(key, doc);
  }
  void leave() override { path_.leave(); }
  void sections(std::string_view key, const SectionList& list, std::string_view) override {
    path_.enter(key);
    for (std::size_t i = 0; i < list.size(); ++i) {
      path_.enter(fmt::format("{}", i));
      list.visit(i, *this);
      path_.leave();
    }
    path_.leave();
  }

 private:
  const Origins* origins_;
  std::vector<Setting>& out_;
  KeyPath path_;
};

}  // namespace

std::vector<Setting> settings(const Fields& fields, const Origins* origins) {
  std::vector<Setting> list;
  Lister lister(origins, list);
  fields(lister);
  return list;
}

constexpr EnumName<Role> kRoles[] = {{Role::kIdentity, "identity"},
                                     {Role::kHorizon, "horizon"},
                                     {Role::kOperational, "operational"}};
static std::span<const EnumName<Role>> names_of(Role) {
  return kRoles;
}

std::string_view name_of(Role role) {
  return enum_name(role);
}

}  // namespace llmops::config
