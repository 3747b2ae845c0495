package org.espalier.runtime.benchmark;

import org.espalier.api.backend.CacheTypes;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;

/** What generating one token must read from memory, by the plan alone. */
public final class Traffic {
  private Traffic() {}

  /**
   * Bytes of weights per generated token, in the form of the file: all linears, of experts only the
   * used ones, of the token table one row.
   */
  public static long weights(ModelPlan plan) {
    long bytes = 0;
    for (Stage stage : plan.stages()) {
      bytes +=
          switch (stage) {
            case Stage.Embedding(EncodedLinear table) -> table.bytes() / table.shape().outputs();
            case Stage.Attention attention ->
                attention.linears().stream().mapToLong(EncodedLinear::bytes).sum();
            case Stage.MixtureOfExperts mixture ->
                mixture.router().bytes()
                    + (mixture.gate().bytes() + mixture.up().bytes() + mixture.down().bytes())
                        * mixture.used()
                        / mixture.experts();
            case Stage.Head(var _, EncodedLinear output) -> output.bytes();
          };
    }
    return bytes;
  }

  /** Bytes of keys and values per generated token at a depth. */
  public static long cache(ModelPlan plan, int depth, CacheTypes types) {
    long bytes = 0;
    for (Stage stage : plan.stages()) {
      if (stage instanceof Stage.Attention attention) {
        bytes += attention.keyValueHeads() * types.bytes(attention.headDimension());
      }
    }
    return bytes * depth;
  }
}
