#include "tensor/kernels/cpu/acts.h"
#include "tensor/kernels/cpu/math.h"
#include "tensor/kernels/cpu/parallel.h"
#include "tensor/kernels/cpu/scratch.h"

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

// Rows are summed in fixed groups, so that threads do not change the result.
void column_sums(cpu::Act x, Index rows, Index columns, float* sums) {
  const Index group = max(64, ceil_div(rows, 64)), groups = ceil_div(rows, group);
  float* partial = cpu::scratch_array<float>(cpu::Slot::kSums, groups * columns);
  with_type(x, [&](auto* data) {
    parallel_for(groups, ceil_div(16384, group * columns), [&](Index first, Index last) {
      for (Index g = first; g < last; ++g) {
        const Index end = min(rows, (g + 1) * group);
        each_vector(columns, [&](Index i, Index n) {
          Vec total{};
          for (Index r = g * group; r < end; ++r) total += load_n(data + r * columns + i, n);
          store_n(partial + g * columns + i, total, n);
        });
      }
    });
  });
  each_vector(columns, [&](Index i, Index n) {
    Vec total = load_n(sums + i, n);
    for (Index g = 0; g < groups; ++g) total += load_n(partial + g * columns + i, n);
    store_n(sums + i, total, n);
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
