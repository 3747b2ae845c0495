package org.espalier.runtime.benchmark;

import org.espalier.api.EspalierException.InvalidRequest;

/**
 * One thing to time: a prompt, or generation, after some positions that are not timed.
 *
 * @param promptTokens tokens that go in as a prompt
 * @param generatedTokens tokens that go in one by one, after the prompt
 * @param depth positions that are already in the context
 */
public record SpeedTest(int promptTokens, int generatedTokens, int depth) {
  public SpeedTest {
    if (promptTokens < 0 || generatedTokens < 0 || depth < 0) {
      throw new InvalidRequest("a test cannot have fewer than 0 tokens");
    }
    if (promptTokens + generatedTokens == 0) {
      throw new InvalidRequest("a test needs at least one token");
    }
  }

  /** Tokens that are timed. */
  public int tokens() {
    return promptTokens + generatedTokens;
  }

  /** Positions that the context must hold. */
  public int positions() {
    return Math.addExact(depth, tokens());
  }

  /** As llama-bench writes it: {@code pp512}, {@code tg128 @ d2048}. */
  public String label() {
    String what =
        generatedTokens == 0
            ? "pp" + promptTokens
            : promptTokens == 0
                ? "tg" + generatedTokens
                : "pp" + promptTokens + "+tg" + generatedTokens;
    return depth == 0 ? what : what + " @ d" + depth;
  }
}
