package org.espalier.runtime.sampling;

import java.util.Map;

/**
 * How the next token is drawn. The steps run in this order: logit bias, penalties, top-k, typical,
 * top-p, min-p, temperature, draw.
 *
 * @param temperature 0 or less: always the likeliest token
 * @param topK 0 or less: all
 * @param topP 1: off
 * @param minP 0: off
 * @param typicalP 1: off
 * @param repeatPenalty 1: off
 * @param presencePenalty 0: off
 * @param frequencyPenalty 0: off
 * @param repeatLastN window of the penalties, prompt included; 0: off, −1: the whole context
 * @param logitBias added to logits, by token
 */
public record SamplingOptions(
    float temperature,
    int topK,
    float topP,
    float minP,
    float typicalP,
    float repeatPenalty,
    float presencePenalty,
    float frequencyPenalty,
    int repeatLastN,
    Map<Integer, Float> logitBias) {

  /** What llama.cpp's tools use where the user says nothing. */
  public static final SamplingOptions DEFAULT =
      new SamplingOptions(0.8f, 40, 0.95f, 0.05f, 1f, 1f, 0f, 0f, 64, Map.of());

  /** Always the likeliest token. */
  public static final SamplingOptions GREEDY =
      new SamplingOptions(0f, 1, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of());

  public SamplingOptions {
    logitBias = Map.copyOf(logitBias);
  }
}
