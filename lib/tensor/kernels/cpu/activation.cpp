#include "tensor/kernels/cpu/acts.h"
#include "tensor/kernels/cpu/math.h"
#include "tensor/kernels/cpu/parallel.h"

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

// Threads share the columns, and each column is summed in the order of its rows: neither the
// threads nor the number of rows in a call change the result.
void column_sums(cpu::Act x, Index rows, Index columns, float* sums) {
  constexpr Index kVectors = 4, kStrip = kVectors * kLanes;  // of a row, in registers
  with_type(x, [&](auto* data) {
    const auto sum_strip = [&](Index begin) {
      Vec total[kVectors];
      for (Index v = 0; v < kVectors; ++v) total[v] = load(sums + begin + v * kLanes);
      for (Index r = 0; r < rows; ++r) {
        const auto* from = data + r * columns + begin;
        for (Index v = 0; v < kVectors; ++v) total[v] += load_n(from + v * kLanes, kLanes);
      }
      for (Index v = 0; v < kVectors; ++v) store(sums + begin + v * kLanes, total[v]);
    };
    const auto sum_rest = [&](Index begin) {
      each_vector(columns - begin, [&](Index i, Index n) {
        Vec total = load_n(sums + begin + i, n);
        for (Index r = 0; r < rows; ++r) total += load_n(data + r * columns + begin + i, n);
        store_n(sums + begin + i, total, n);
      });
    };
    const Index grain = 16384 / max(1, rows * kStrip);
    parallel_for(ceil_div(columns, kStrip), grain, [&](Index first, Index last) {
      for (Index strip = first; strip < last; ++strip) {
        const Index begin = strip * kStrip;
        begin + kStrip <= columns ? sum_strip(begin) : sum_rest(begin);
      }
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
