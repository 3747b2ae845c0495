package org.espalier.runtime.sampling;

import java.util.HashMap;
import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;

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

  /** Refuses numbers that make no sense, each with a sentence. */
  public SamplingOptions {
    logitBias = Map.copyOf(logitBias);
    require(!Float.isNaN(temperature), "the temperature must be a number", temperature);
    require(topP >= 0, "top-p must lie between 0 and 1", topP);
    require(minP >= 0 && minP <= 1, "min-p must lie between 0 and 1", minP);
    require(typicalP >= 0, "typical-p must lie between 0 and 1", typicalP);
    require(
        repeatPenalty > 0 && Float.isFinite(repeatPenalty),
        "the repeat penalty must be above 0, and 1 switches it off",
        repeatPenalty);
    require(
        Float.isFinite(presencePenalty), "the presence penalty must be a number", presencePenalty);
    require(
        Float.isFinite(frequencyPenalty),
        "the frequency penalty must be a number",
        frequencyPenalty);
    require(repeatLastN >= -1, "the window of penalties must be −1, 0 or more", repeatLastN);
    logitBias.forEach((token, bias) -> {
      require(token >= 0, "a logit bias must be for a token id of 0 or more", token);
      require(!Float.isNaN(bias), "a logit bias must be a number", bias);
    });
  }

  /** Whether any penalty can change a logit. */
  boolean penalises() {
    boolean neutral = repeatPenalty == 1 && presencePenalty == 0 && frequencyPenalty == 0;
    return repeatLastN != 0 && !neutral;
  }

  /** A copy in which some tokens are never drawn. */
  public SamplingOptions forbidding(int... tokens) {
    Map<Integer, Float> bias = new HashMap<>(logitBias);
    for (int token : tokens) {
      bias.put(token, Float.NEGATIVE_INFINITY);
    }
    return new SamplingOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        presencePenalty,
        frequencyPenalty,
        repeatLastN,
        bias);
  }

  /** This, but at another temperature. */
  public SamplingOptions withTemperature(float other) {
    return new SamplingOptions(
        other,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        presencePenalty,
        frequencyPenalty,
        repeatLastN,
        logitBias);
  }

  /** This, but with another penalty on recent tokens. */
  public SamplingOptions withRepeatPenalty(float other) {
    return new SamplingOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        other,
        presencePenalty,
        frequencyPenalty,
        repeatLastN,
        logitBias);
  }

  private static void require(boolean holds, String rule, Number found) {
    if (!holds) {
      throw new InvalidRequest(rule + ": " + found);
    }
  }
}
