package org.espalier.runtime.quantisation.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecipeTest {
  private static Recipe recipe(
      boolean predictions, Optional<Boolean> gates, Optional<Double> enlargement, int tuning) {
    return new Recipe(predictions, gates, false, 0, enlargement, tuning, AttentionTypes.NONE);
  }

  @ParameterizedTest
  @CsvSource({
    "true, 1, true, true, true, false, 1",
    "true, 1, true, false, true, false, 1.05",
    "true, 1, false, true, false, true, 1",
    "true, 1, false, false, false, true, 1.05",
    "true, 0, true, true, true, false, 1.05",
    "false, 2, true, true, false, true, 1"
  })
  void whatIsLeftOpenFollowsFromTheRest(
      boolean predictions,
      int tuning,
      boolean predictable,
      boolean tunable,
      boolean byPredictions,
      boolean gates,
      double enlargement) {
    Recipe open = recipe(predictions, Optional.empty(), Optional.empty(), tuning);
    assertEquals(
        recipe(byPredictions, Optional.of(gates), Optional.of(enlargement), tuning),
        open.settled(predictable, tunable));
  }

  @ParameterizedTest
  @CsvSource({"true, true", "true, false", "false, true", "false, false"})
  void whatIsSaidStays(boolean predictable, boolean tunable) {
    Recipe said = recipe(false, Optional.of(false), Optional.of(1.2), 1);
    assertEquals(said, said.settled(predictable, tunable));
    assertEquals(Recipe.PUBLISHED, Recipe.PUBLISHED.settled(predictable, tunable));
  }
}
