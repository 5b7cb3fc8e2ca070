#include <fmt/format.h>

#include <cmath>

#include "base/json.h"
#include "base/text.h"

namespace llmops {

namespace {

void write_string(std::string_view text, std::string& out) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.value == kInvalidCodePoint) {
      out += "\\ufffd";
    } else if (c.value == '"' || c.value == '\\') {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (is_control(c.value) && c.value < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c.value));
    } else if (is_control(c.value)) {
      const unsigned above = static_cast<unsigned>(c.value) - 0x10000;
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (above >> 10), 0xDC00 + (above & 0x3FF));
    } else {
      out += text.substr(at, c.length);
    }
    at += c.length;
  }
  out += '"';
}

void write_double(double value, std::string& out) {
  const std::string text = format_double(value);
  if (!std::isfinite(value)) {
    out += '"' + text + '"';
    return;
  }
  out += text;
  // Stays a double when it is read back.
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

class Writer {
 public:
  Writer(int indent, std::string& out) : indent_(indent), out_(out) {}

  void write(const Json& value) {
    if (value.is_null()) {
      out_ += "null";
    } else if (value.is_bool()) {
      out_ += value.as_bool() ? "true" : "false";
    } else if (value.is_int()) {
      out_ += fmt::format("{}", value.as_int());
    } else if (value.is_number()) {
      write_double(value.as_double(), out_);
    } else if (value.is_string()) {
      write_string(value.as_string(), out_);
    } else if (value.is_array()) {
      write_all('[', ']', value.as_array(), [this](const Json& element) { write(element); });
    } else {
      write_all('{', '}', value.as_object(), [this](const Json::Member& member) {
        write_string(member.first, out_);
        out_ += indent_ > 0 ? ": " : ":";
        write(member.second);
      });
    }
  }

 private:
  template <typename Items, typename WriteItem>
  void write_all(char open, char close, const Items& items, WriteItem write_item) {
    out_ += open;
    ++depth_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += ',';
      new_line();
      write_item(items[i]);
    }
    --depth_;
    if (!items.empty()) new_line();
    out_ += close;
  }

  void new_line() {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_ * depth_), ' ');
  }

  int indent_, depth_ = 0;
  std::string& out_;
};

}  // namespace

std::string Json::dump(int indent) const {
  std::string out;
  Writer(indent, out).write(*this);
  return out;
}

}  // namespace llmops
