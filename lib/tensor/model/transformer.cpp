#include "tensor/model/transformer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace llmops::tensor {

namespace {

// The places of a layer where dropout has masks of its own.
enum Site : std::uint64_t { kEmbedding = 0, kAttention = 1, kAttentionOut = 2, kMlpOut = 3 };

// Everything that the passes of one shard share.
struct Pass {
  const Kernels& kernels;
  const arch::TransformerConfig& config;
  const ModelTensors& weights;
  Activations& act;
  const PassContext& context;

  // Rows of a mask are numbered within the step, so that any cut of it draws the same masks.
  DropoutKey key(std::size_t layer, Site site) const {
    const std::int64_t rows_per_sequence =
        site == kAttention ? config.heads * act.length : act.length;
    return {context.dropout, context.seed, context.step, 3 * std::uint64_t{layer} + site,
            context.first_row * rows_per_sequence};
  }
  void drop(Tensor& x, std::size_t layer, Site site) const {
    if (context.dropout > 0) kernels.dropout(x, key(layer, site));
  }
  AttentionShape attention_shape(std::size_t layer) const {
    return {act.rows,          act.length,
            config.heads,      config.kv_heads,
            config.head_dim,   config.sliding_window,
            attention_scale(), key(layer, kAttention)};
  }
  float attention_scale() const {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)));
  }

  void attention_branch(std::size_t layer) const;
  void attention_cached(std::size_t layer) const;
  void mlp_branch(std::size_t layer) const;
  void norm1(std::size_t layer, const Tensor& residual, const Tensor& delta) const;
  void norm2(std::size_t layer, const Tensor& residual, const Tensor& delta) const;

  const Tensor& branch_gradient(std::size_t layer, Site site) const;
  // Gradients of what trains of a linear layer.
  void weight_gradient(const Tensor& dy, const Tensor& x, Linear& gradient) const {
    if (!gradient.weight.defined() && !gradient.bias.defined()) return;
    kernels.linear_backward_weight(dy, x, gradient.weight.data, gradient.bias);
  }
  void mlp_backward(std::size_t layer, Layer& gradients) const;
  void attention_backward(std::size_t layer, Layer& gradients) const;
};

void Pass::norm1(std::size_t layer, const Tensor& residual, const Tensor& delta) const {
  const Layer& w = weights.layers[layer];
  LayerActivations& a = act.layers[layer];
  kernels.add_norm(config.norm, residual, delta, w.norm1.weight, w.norm1.bias, config.norm_eps,
                   a.x_in, a.norm1, a.mean1, a.rstd1);
}

void Pass::norm2(std::size_t layer, const Tensor& residual, const Tensor& delta) const {
  const Layer& w = weights.layers[layer];
  LayerActivations& a = act.layers[layer];
  kernels.add_norm(config.norm, residual, delta, w.norm2.weight, w.norm2.bias, config.norm_eps,
                   a.x_mid, a.norm2, a.mean2, a.rstd2);
}

// norm1 -> delta
void Pass::attention_branch(std::size_t layer) const {
  const Layer& w = weights.layers[layer];
  LayerActivations& a = act.layers[layer];
  kernels.linear(a.norm1, w.qkv.weight, w.qkv.bias, a.qkv);
  if (config.positions == arch::Positions::kRope) {
    kernels.rope(a.qkv, act.positions, weights.rope->cos(), weights.rope->sin(), config.heads,
                 config.kv_heads, false);
  }
  if (context.cached) {
    attention_cached(layer);
  } else {
    kernels.attention(attention_shape(layer), a.qkv, act.segments, a.attention, a.lse);
  }
  kernels.linear(a.attention, w.out.weight, w.out.bias, act.delta);
  drop(act.delta, layer, kAttentionOut);
}

void Pass::attention_cached(std::size_t layer) const {
  const CachedAttentionShape shape{config.heads, config.kv_heads, config.head_dim,
                                   config.sliding_window, attention_scale()};
  LayerActivations& a = act.layers[layer];
  const CachedPass& cached = *context.cached;
  kernels.attention_cached(shape, a.qkv, cached.sequences, cached.pool.keys(layer),
                           cached.pool.values(layer), a.attention);
}

// norm2 -> delta
void Pass::mlp_branch(std::size_t layer) const {
  const Layer& w = weights.layers[layer];
  LayerActivations& a = act.layers[layer];
  kernels.linear_activation(a.norm2, w.up.weight, w.up.bias, config.activation, config.gated,
                            a.mlp_pre, a.mlp_act);
  kernels.linear(a.mlp_act, w.down.weight, w.down.bias, act.delta);
  drop(act.delta, layer, kMlpOut);
}

// The gradient that enters a branch from the residual stream: the stream's own, masked when the
// branch's output was.
const Tensor& Pass::branch_gradient(std::size_t layer, Site site) const {
  const Tensor& incoming = act.dresidual_act.defined() ? act.dresidual_act : act.dresidual;
  if (context.dropout == 0) return incoming;
  act.delta.copy_(incoming);
  kernels.dropout(act.delta, key(layer, site));
  return act.delta;
}

void Pass::mlp_backward(std::size_t layer, Layer& g) const {
  const Layer& w = weights.layers[layer];
  LayerActivations& a = act.layers[layer];
  const Tensor& dout = branch_gradient(layer, kMlpOut);
  weight_gradient(dout, a.mlp_act, g.down);
  kernels.linear_backward_input(dout, w.down.weight, act.dmlp_act);
  kernels.activation_backward(a.mlp_pre, act.dmlp_act, config.activation, config.gated,
                              act.dmlp_pre);
  weight_gradient(act.dmlp_pre, a.norm2, g.up);
  kernels.linear_backward_input(act.dmlp_pre, w.up.weight, act.dnorm);
  kernels.norm_backward(config.norm, act.dnorm, a.x_mid, w.norm2.weight, a.mean2, a.rstd2,
                        act.length, act.dresidual, g.norm2.weight, g.norm2.bias, act.dresidual_act);
}

void Pass::attention_backward(std::size_t layer, Layer& g) const {
  const Layer& w = weights.layers[layer];
  LayerActivations& a = act.layers[layer];
  const Tensor& dout = branch_gradient(layer, kAttentionOut);
  weight_gradient(dout, a.attention, g.out);
  kernels.linear_backward_input(dout, w.out.weight, act.dattention);
  kernels.attention_backward(attention_shape(layer), a.qkv, act.segments, a.attention, a.lse,
                             act.dattention, act.dqkv);
  if (config.positions == arch::Positions::kRope) {
    kernels.rope(act.dqkv, act.positions, weights.rope->cos(), weights.rope->sin(), config.heads,
                 config.kv_heads, true);
  }
  weight_gradient(act.dqkv, a.norm1, g.qkv);
  kernels.linear_backward_input(act.dqkv, w.qkv.weight, act.dnorm);
  kernels.norm_backward(config.norm, act.dnorm, a.x_in, w.norm1.weight, a.mean1, a.rstd1,
                        act.length, act.dresidual, g.norm1.weight, g.norm1.bias, act.dresidual_act);
}

bool any(const Norm& norm) {
  return norm.weight.defined() || norm.bias.defined();
}
bool any(const Linear& linear) {
  return linear.weight.defined() || linear.bias.defined();
}

bool embeddings_train(const ModelTensors& gradients) {
  return gradients.token_embedding.defined() || gradients.position_embedding.defined();
}

// The lowest layer that a backward pass must reach; the number of layers when none must.
std::size_t lowest_layer(const ModelTensors& gradients) {
  if (embeddings_train(gradients)) return 0;
  const auto trains = [](const Layer& g) {
    return any(g.norm1) || any(g.qkv) || any(g.out) || any(g.norm2) || any(g.up) || any(g.down);
  };
  const auto first = std::find_if(gradients.layers.begin(), gradients.layers.end(), trains);
  return static_cast<std::size_t>(first - gradients.layers.begin());
}

// Whether a gradient must pass the head.
bool trains_below_head(const ModelTensors& gradients) {
  return any(gradients.final_norm) || lowest_layer(gradients) < gradients.layers.size();
}

}  // namespace

bool forward(const Kernels& kernels, const arch::TransformerConfig& config,
             const ModelTensors& weights, Activations& act, const PassContext& context) {
  const Pass pass{kernels, config, weights, act, context};
  Tensor& embedded = act.layers[0].x_in;
  kernels.embed(act.ids, act.positions, weights.token_embedding, weights.position_embedding,
                embedded);
  pass.drop(embedded, 0, kEmbedding);
  for (std::size_t layer = 0; layer < act.layers.size(); ++layer) {
    if (context.given_up()) return false;
    // Each norm also adds what the branch before it computed.
    if (layer == 0) {
      pass.norm1(0, embedded, {});
    } else {
      pass.norm1(layer, act.layers[layer - 1].x_mid, act.delta);
    }
    pass.attention_branch(layer);
    pass.norm2(layer, act.layers[layer].x_in, act.delta);
    pass.mlp_branch(layer);
  }
  kernels.add_norm(config.norm, act.layers.back().x_mid, act.delta, weights.final_norm.weight,
                   weights.final_norm.bias, config.norm_eps, act.x_final, act.norm_final,
                   act.mean_final, act.rstd_final);
  return true;
}

bool head_loss(const Kernels& kernels, const ModelTensors& weights, Activations& act, float scale,
               ModelTensors* gradients, const PassContext& context) {
  const std::int64_t rows = act.norm_final.size(0), most = act.logits.size(0);
  // Chunks of about equal size: a last one of a few rows would be summed by other kernels.
  const std::int64_t chunks = (rows + most - 1) / most;
  const bool below = gradients && trains_below_head(*gradients);
  Tensor no_bias;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    if (context.given_up()) return false;
    const std::int64_t begin = rows * chunk / chunks;
    const std::int64_t count = rows * (chunk + 1) / chunks - begin;
    Tensor logits = act.logits.narrow(0, 0, count);
    const Tensor hidden = act.norm_final.narrow(0, begin, count);
    const Tensor targets = act.targets.narrow(0, begin, count);
    Tensor losses = act.losses.narrow(0, begin, count);
    kernels.linear(hidden, weights.head.weight, no_bias, logits);
    if (!gradients) {
      kernels.cross_entropy_loss(logits, targets, losses);
      continue;
    }
    kernels.cross_entropy(logits, targets, scale, losses);
    if (below) {
      Tensor dhidden = act.dnorm.narrow(0, begin, count);
      kernels.linear_backward_input(logits, weights.head.weight, dhidden);
    }
    if (gradients->head.weight.defined()) {
      kernels.linear_backward_weight(logits, hidden, gradients->head.weight.data, no_bias);
    }
  }
  return true;
}

bool backward(const Kernels& kernels, const arch::TransformerConfig& config, plan::Recompute mode,
              const ModelTensors& weights, Activations& act, const PassContext& context,
              ModelTensors& gradients) {
  if (!trains_below_head(gradients)) return true;
  const Pass pass{kernels, config, weights, act, context};
  act.dresidual.zero_();
  kernels.norm_backward(config.norm, act.dnorm, act.x_final, weights.final_norm.weight,
                        act.mean_final, act.rstd_final, act.length, act.dresidual,
                        gradients.final_norm.weight, gradients.final_norm.bias, act.dresidual_act);
  const std::size_t lowest = lowest_layer(gradients);
  for (std::size_t layer = act.layers.size(); layer-- > lowest;) {
    if (context.given_up()) return false;
    LayerActivations& a = act.layers[layer];
    if (mode != plan::Recompute::kOff) pass.norm1(layer, a.x_in, {});
    if (mode == plan::Recompute::kFull) {
      pass.attention_branch(layer);
      pass.norm2(layer, a.x_in, act.delta);
      kernels.linear_activation(a.norm2, weights.layers[layer].up.weight,
                                weights.layers[layer].up.bias, config.activation, config.gated,
                                a.mlp_pre, a.mlp_act);
    } else if (mode == plan::Recompute::kSelective) {
      pass.norm2(layer, a.x_mid, {});
      kernels.activation(a.mlp_pre, config.activation, config.gated, a.mlp_act);
    }
    pass.mlp_backward(layer, gradients.layers[layer]);
    pass.attention_backward(layer, gradients.layers[layer]);
  }
  if (!embeddings_train(gradients)) return true;
  pass.drop(act.dresidual, 0, kEmbedding);
  Tensor& looked_up = act.lookup.defined() ? act.lookup : gradients.token_embedding;
  kernels.embed_backward(act.lookup.defined() ? act.slots : act.ids, act.positions, act.dresidual,
                         looked_up, gradients.position_embedding);
  return true;
}

}  // namespace llmops::tensor
