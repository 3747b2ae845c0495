package org.espalier.server.openai;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.sampling.SamplingOptions;
import tools.jackson.databind.node.ObjectNode;

/** How to draw, and where to end: the fields that all kinds of generation share. */
final class GenerationFields {
  private static final int MOST_STOPS = 16;
  private static final double ANY = 1e6;
  private static final SamplingOptions DEFAULT = SamplingOptions.DEFAULT;

  private GenerationFields() {}

  /**
   * Reads them.
   *
   * @param maximumTokens −1: no limit
   */
  static GenerationOptions read(Fields fields, int maximumTokens) {
    List<String> stops =
        fields.texts("stop", MOST_STOPS).stream().filter(stop -> !stop.isEmpty()).toList();
    long seed = fields.wholeNumber("seed").orElse(-1);
    return new GenerationOptions(
        maximumTokens,
        sampling(fields),
        seed >= 0 ? seed : ThreadLocalRandom.current().nextLong(1L << 32),
        stops,
        fields.flag("ignore_eos"));
  }

  private static SamplingOptions sampling(Fields fields) {
    Map<Integer, Float> bias = fields.numbersByToken("logit_bias");
    return new SamplingOptions(
        (float) fields.number("temperature", 0, 100).orElse(DEFAULT.temperature()),
        fields.integer("top_k", -1, Integer.MAX_VALUE).orElse(DEFAULT.topK()),
        (float) fields.number("top_p", 0, 1).orElse(DEFAULT.topP()),
        (float) fields.number("min_p", 0, 1).orElse(DEFAULT.minP()),
        (float) fields.number("typical_p", 0, 1).orElse(DEFAULT.typicalP()),
        (float) fields.number("repeat_penalty", 0.01, 100).orElse(DEFAULT.repeatPenalty()),
        (float) fields.number("presence_penalty", -ANY, ANY).orElse(DEFAULT.presencePenalty()),
        (float) fields.number("frequency_penalty", -ANY, ANY).orElse(DEFAULT.frequencyPenalty()),
        fields.integer("repeat_last_n", -1, Integer.MAX_VALUE).orElse(DEFAULT.repeatLastN()),
        bias);
  }

  /** The same with another seed, for the i-th of several texts from one prompt. */
  static GenerationOptions withSeed(GenerationOptions options, int i) {
    return new GenerationOptions(
        options.maximumTokens(),
        options.sampling(),
        options.seed() + i,
        options.stop(),
        options.ignoreEndOfText());
  }

  /** What holds where a request says nothing. */
  static ObjectNode defaults(ObjectNode target) {
    return target
        .put("temperature", DEFAULT.temperature())
        .put("top_k", DEFAULT.topK())
        .put("top_p", DEFAULT.topP())
        .put("min_p", DEFAULT.minP())
        .put("typical_p", DEFAULT.typicalP())
        .put("repeat_penalty", DEFAULT.repeatPenalty())
        .put("presence_penalty", DEFAULT.presencePenalty())
        .put("frequency_penalty", DEFAULT.frequencyPenalty())
        .put("repeat_last_n", DEFAULT.repeatLastN());
  }
}
