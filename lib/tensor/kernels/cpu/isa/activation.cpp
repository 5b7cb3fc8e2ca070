#include "tensor/kernels/cpu/isa/math.h"
#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"

namespace llmops::tensor::LLMOPS_ISA {
namespace {

using cpu::ActivationCall;
using cpu::ActivationKind;

template <class F>
inline void with_kind(ActivationKind kind, const F& f) {
  switch (kind) {
    case ActivationKind::kGeluTanh:
      return f(GeluTanh{});
    case ActivationKind::kGelu:
      return f(Gelu{});
    case ActivationKind::kSilu:
      return f(Silu{});
  }
}

template <class Kind, class T>
void forward(const ActivationCall& call, const T* pre, T* out, Index begin, Index end) {
  const Index size = call.size;
  if (!call.gated) {
    each_vector((end - begin) * size, [&](Index i, Index n) {
      store_n(out + begin * size + i, Kind::value(load_n(pre + begin * size + i, n)), n);
    });
    return;
  }
  for (Index r = begin; r < end; ++r) {
    const T *gate = pre + 2 * r * size, *up = gate + size;
    each_vector(size, [&](Index i, Index n) {
      store_n(out + r * size + i, Kind::value(load_n(gate + i, n)) * load_n(up + i, n), n);
    });
  }
}

template <class Kind, class T>
void backward(const ActivationCall& call, const T* pre, const T* dout, T* dpre, Index begin,
              Index end) {
  const Index size = call.size;
  if (!call.gated) {
    each_vector((end - begin) * size, [&](Index i, Index n) {
      const Index at = begin * size + i;
      store_n(dpre + at, Kind::slope(load_n(pre + at, n)) * load_n(dout + at, n), n);
    });
    return;
  }
  for (Index r = begin; r < end; ++r) {
    const T *gate = pre + 2 * r * size, *up = gate + size, *grad = dout + r * size;
    T *dgate = dpre + 2 * r * size, *dup = dgate + size;
    each_vector(size, [&](Index i, Index n) {
      const Vec g = load_n(gate + i, n), d = load_n(grad + i, n);
      store_n(dgate + i, Kind::slope(g) * load_n(up + i, n) * d, n);
      store_n(dup + i, Kind::value(g) * d, n);
    });
  }
}

}  // namespace

void activation_rows(const ActivationCall& call, Index begin, Index end) {
  with_kind(call.kind, [&](auto kind) {
    with_type(call.pre, [&](auto* pre) {
      forward<decltype(kind)>(call, pre, static_cast<decltype(pre)>(call.out.data), begin, end);
    });
  });
}

void activation(const ActivationCall& call) {
  parallel_for(call.rows, 4096 / call.size,
               [&](Index begin, Index end) { activation_rows(call, begin, end); });
}

void activation_backward(const ActivationCall& call) {
  with_kind(call.kind, [&](auto kind) {
    with_type(call.pre, [&](auto* pre) {
      using Pointer = decltype(pre);
      parallel_for(call.rows, 4096 / call.size, [&](Index begin, Index end) {
        backward<decltype(kind)>(call, pre, static_cast<Pointer>(call.out.data),
                                 static_cast<Pointer>(call.dpre.data), begin, end);
      });
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
