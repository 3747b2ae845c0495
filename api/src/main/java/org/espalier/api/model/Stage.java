package org.espalier.api.model;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.espalier.api.linear.EncodedLinear;

/**
 * A stretch of the forward pass: the unit of placement and of fusion. Between stages there is
 * nothing but the residual stream, rows of {@link ModelPlan#width()} values.
 */
public sealed interface Stage {

  /** The linear operators of this stage. */
  List<EncodedLinear> linears();

  /**
   * From token ids to rows.
   *
   * @param table shape 1 × vocabulary × width; row i belongs to token i
   */
  record Embedding(EncodedLinear table) implements Stage {
    @Override
    public List<EncodedLinear> linears() {
      return List.of(table);
    }
  }

  /**
   * x + W_o · attention(norm(x)): causal, over the session's key–value cache.
   *
   * <p>Order: h = norm(x); q, k, v = W h; {@code queryNorm} and {@code keyNorm}, where present,
   * over the whole projected vector; clamping of q, k and v to ±{@code clip}; RoPE on q and k;
   * softmax in F32 of {@code scale} · q·k. Head i of the queries reads key–value head i ·
   * keyValueHeads / heads.
   *
   * @param layer counted from 0; names the cache
   */
  record Attention(
      int layer,
      Norm norm,
      EncodedLinear query,
      EncodedLinear key,
      EncodedLinear value,
      EncodedLinear output,
      Optional<Norm> queryNorm,
      Optional<Norm> keyNorm,
      OptionalDouble clip,
      Rope rope,
      int heads,
      int keyValueHeads,
      int headDimension,
      float scale)
      implements Stage {
    @Override
    public List<EncodedLinear> linears() {
      return List.of(query, key, value, output);
    }
  }

  /**
   * x + Σ p_e · W_down,e (SiLU(W_gate,e h) ⊙ W_up,e h) with h = norm(x), over the {@code used}
   * experts whose p is largest, where p = softmax over all experts of W_router h. Among equal
   * scores the expert with the lower index is taken. The sum runs in order of expert index.
   *
   * @param used experts per token
   * @param normalised whether the chosen p are divided by their sum
   * @param weightScale factor on every p
   */
  record MixtureOfExperts(
      int layer,
      Norm norm,
      EncodedLinear router,
      EncodedLinear gate,
      EncodedLinear up,
      EncodedLinear down,
      int used,
      boolean normalised,
      float weightScale)
      implements Stage {
    @Override
    public List<EncodedLinear> linears() {
      return List.of(router, gate, up, down);
    }

    /** How many experts there are. */
    public int experts() {
      return router.shape().outputs();
    }
  }

  /** logits = W · norm(x). */
  record Head(Norm norm, EncodedLinear output) implements Stage {
    @Override
    public List<EncodedLinear> linears() {
      return List.of(output);
    }
  }
}
