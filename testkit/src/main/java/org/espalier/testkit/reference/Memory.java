package org.espalier.testkit.reference;

import org.espalier.api.backend.Footprint;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;

/** What a plan needs in the reference backend. */
final class Memory {
  /** Decoded weights up to this size stay in memory; larger ones are decoded whenever needed. */
  private static final long KEPT_BYTES = 256L << 20;

  private Memory() {}

  /** Whether decoded weights stay in memory. */
  static boolean keeps(ModelPlan plan) {
    return decoded(plan) <= KEPT_BYTES;
  }

  static Footprint of(ModelPlan plan, int maximumRows, int contextLength) {
    long mapped = plan.linears().stream().mapToLong(EncodedLinear::bytes).sum();
    long norms = plan.stages().stream().mapToLong(Memory::norms).sum();
    long weights = norms + (keeps(plan) ? decoded(plan) : 0);
    return new Footprint(mapped, weights, cache(plan, contextLength), scratch(plan, maximumRows));
  }

  /** Bytes of one session's keys and values. */
  static long cache(ModelPlan plan, int contextLength) {
    long values = 0;
    for (Stage stage : plan.stages()) {
      if (stage instanceof Stage.Attention attention) {
        values += 2L * attention.keyValueHeads() * attention.headDimension();
      }
    }
    return values * contextLength * Double.BYTES;
  }

  private static long decoded(ModelPlan plan) {
    return plan.linears().stream()
        .mapToLong(linear -> linear.shape().weights() * Float.BYTES)
        .sum();
  }

  /**
   * A stage holds, per row, its input, the normalised input, one more such vector and its output.
   */
  private static long scratch(ModelPlan plan, int maximumRows) {
    long widest = Math.max(plan.width(), plan.outputWidth());
    for (EncodedLinear linear : plan.linears()) {
      widest = Math.max(widest, linear.shape().inputs());
    }
    return 4 * widest * maximumRows * Double.BYTES;
  }

  private static long norms(Stage stage) {
    return switch (stage) {
      case Stage.Embedding _ -> 0;
      case Stage.Attention attention ->
          bytes(attention.norm())
              + attention.queryNorm().map(Memory::bytes).orElse(0L)
              + attention.keyNorm().map(Memory::bytes).orElse(0L);
      case Stage.MixtureOfExperts mixture -> bytes(mixture.norm());
      case Stage.Head head -> bytes(head.norm());
    };
  }

  private static long bytes(Norm norm) {
    return norm.weight().byteSize();
  }
}
