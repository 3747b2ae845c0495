package org.espalier.launcher.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class TimingsTest {
  @Test
  void fourAlignedLines() {
    Timings timings =
        new Timings(302_640_000L, 4, 1_049_090_000L, 59, 513_280_000L, 1_889_430_000L);
    assertEquals(
        """
        common_perf_print:        load time =     302.64 ms
        common_perf_print: prompt eval time =    1049.09 ms /     4 tokens (  262.27 ms per token,     3.81 tokens per second)
        common_perf_print:        eval time =     513.28 ms /    59 runs   (    8.70 ms per token,   114.95 tokens per second)
        common_perf_print:       total time =    1889.43 ms /    63 tokens
        """,
        String.join("\n", timings.lines()) + "\n");
  }

  @Test
  void nothingIsNotANumber() {
    String line = new Timings(0, 0, 0, 0, 0, 0).lines().get(2);
    assertEquals(
        "common_perf_print:        eval time =       0.00 ms /     0 runs   (    0.00 ms per token,     0.00 tokens per second)",
        line);
  }
}
