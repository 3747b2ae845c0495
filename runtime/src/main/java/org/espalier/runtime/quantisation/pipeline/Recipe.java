package org.espalier.runtime.quantisation.pipeline;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What is done beyond the published algorithm to lose less at the same bits.
 *
 * @param predictions whether an error of a matrix counts by what it does to the model's
 *     predictions, to second order, rather than to the matrix's own outputs
 * @param gates whether a token counts by the square of its gate in an expert's Hessian
 * @param quantizedInputs whether a layer is fitted to what the quantised layers before it give,
 *     rather than to what the original ones give
 * @param shrinkage tokens' worth of the layer's mean that is mixed into every expert's Hessian
 * @param tuning passes over the calibration text that tune what is stored in F32
 * @param attention which matrices of attention are stored otherwise than in codes
 */
public record Recipe(
    boolean predictions,
    boolean gates,
    boolean quantizedInputs,
    double shrinkage,
    int tuning,
    AttentionTypes attention) {
  /** The published algorithm. */
  public static final Recipe PUBLISHED = new Recipe(false, false, false, 0, 0, AttentionTypes.NONE);

  /** The same with errors counted by what they do to the matrix's own outputs. */
  Recipe withoutPredictions() {
    return new Recipe(false, gates, quantizedInputs, shrinkage, tuning, attention);
  }

  /** What Hessians depend on; nothing for the published algorithm. */
  Map<String, String> ofHessians() {
    Map<String, String> description = new LinkedHashMap<>();
    if (predictions) {
      description.put("objective", "predictions");
    }
    if (gates) {
      description.put("gates", "squared");
    }
    return description;
  }

  /** What results depend on besides. */
  Map<String, String> ofResults() {
    Map<String, String> description = new LinkedHashMap<>();
    description.put("inputs", quantizedInputs ? "quantized" : "original");
    description.put("shrinkage", Double.toString(shrinkage));
    description.put("attention", attention.text());
    return description;
  }
}
