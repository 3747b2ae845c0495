package org.espalier.backend.offload;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A layer's turn, as recorded.
 *
 * @param used experts
 */
public record RecordedRouting(int layer, int[] used) {

  /** The demo model while it generates 362 tokens: 4 layers of 16 experts, 4 of them used. */
  public static List<RecordedRouting> demo() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(
                    RecordedRouting.class.getResourceAsStream("residency/routing.txt")),
                StandardCharsets.UTF_8))) {
      return lines
          .lines()
          .map(line -> Arrays.stream(line.split(" ")).mapToInt(Integer::parseInt).toArray())
          .map(numbers ->
              new RecordedRouting(numbers[0], Arrays.copyOfRange(numbers, 1, numbers.length)))
          .toList();
    }
  }
}
