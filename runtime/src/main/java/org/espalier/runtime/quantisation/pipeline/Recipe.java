package org.espalier.runtime.quantisation.pipeline;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What is done beyond the published algorithm to lose less at the same bits.
 *
 * @param predictions whether an error of a matrix counts by what it does to the model's
 *     predictions, to second order, rather than to the matrix's own outputs
 * @param gates whether a token counts by the square of its gate in an expert's Hessian; empty: it
 *     does where outputs count, and gradients, which hold the gates, need no more
 * @param quantizedInputs whether a layer is fitted to what the quantised layers before it give,
 *     rather than to what the original ones give
 * @param shrinkage tokens' worth of the layer's mean that is mixed into every expert's Hessian
 * @param enlargement by which the code is scaled up beyond the weights' root mean square; empty: 1
 *     where tuning follows, which scales as well, else {@value #UNTUNED_ENLARGEMENT}
 * @param tuning passes over the calibration text that tune what is stored in F32
 * @param attention which matrices of attention are stored otherwise than in codes
 */
public record Recipe(
    boolean predictions,
    Optional<Boolean> gates,
    boolean quantizedInputs,
    double shrinkage,
    Optional<Double> enlargement,
    int tuning,
    AttentionTypes attention) {
  /** The published algorithm. */
  public static final Recipe PUBLISHED =
      new Recipe(false, Optional.of(false), false, 0, Optional.of(1.0), 0, AttentionTypes.NONE);

  private static final double UNTUNED_ENLARGEMENT = 1.05;

  /**
   * The same with nothing left open.
   *
   * @param predictable whether there is the memory to see what errors do to predictions; where not,
   *     what they do to outputs counts
   * @param tunable whether there is the memory to tune
   */
  Recipe settled(boolean predictable, boolean tunable) {
    boolean byPredictions = predictions && predictable;
    boolean tuned = tuning > 0 && tunable;
    return new Recipe(
        byPredictions,
        Optional.of(gates.orElse(!byPredictions)),
        quantizedInputs,
        shrinkage,
        Optional.of(enlargement.orElse(tuned ? 1 : UNTUNED_ENLARGEMENT)),
        tuning,
        attention);
  }

  /** Whether gates count. */
  boolean gated() {
    return gates.orElse(false);
  }

  /** By what the code is scaled up. */
  double scaling() {
    return enlargement.orElse(1.0);
  }

  /** What Hessians depend on; nothing for the published algorithm. */
  Map<String, String> ofHessians() {
    Map<String, String> description = new LinkedHashMap<>();
    if (predictions) {
      description.put("objective", "predictions");
    }
    if (gated()) {
      description.put("gates", "squared");
    }
    return description;
  }

  /** What results depend on besides. */
  Map<String, String> ofResults() {
    Map<String, String> description = new LinkedHashMap<>();
    description.put("inputs", quantizedInputs ? "quantized" : "original");
    description.put("shrinkage", Double.toString(shrinkage));
    description.put("enlargement", Double.toString(scaling()));
    description.put("attention", attention.text());
    return description;
  }
}
