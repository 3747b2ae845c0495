package org.espalier.runtime.quantisation.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.quantisation.calibration.HessianPolicy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecordedOptionsTest {
  private static QuantizationOptions options(Optional<EmbeddingType> embeddings, String name) {
    AttentionTypes attention =
        AttentionTypes.of(name.isEmpty() ? "codes" : "v=q8_0,k=f16", List.of());
    return new QuantizationOptions(
        -7,
        HessianPolicy.TOKEN_WEIGHTED,
        0.1234567890123,
        3,
        new Recipe(
            !name.isEmpty(),
            Optional.of(name.isEmpty()),
            !name.isEmpty(),
            0.5,
            Optional.of(1.25),
            2,
            attention),
        embeddings.isEmpty(),
        embeddings,
        name.isEmpty() ? Optional.empty() : Optional.of(name),
        true,
        false,
        Optional.empty(),
        1,
        Optional.empty());
  }

  private static Map<String, String> recorded(QuantizationOptions options) {
    Map<String, String> recorded = new LinkedHashMap<>(RecordedOptions.ofResults(options));
    recorded.putAll(RecordedOptions.ofFile(options));
    return recorded;
  }

  @Test
  void whatIsRecordedComesBack() {
    for (QuantizationOptions options :
        new QuantizationOptions[] {
          options(Optional.empty(), ""), options(Optional.of(EmbeddingType.Q8_0), "a = b")
        }) {
      assertEquals(options, RecordedOptions.read(recorded(options), List.of()));
    }
  }

  @ParameterizedTest
  @CsvSource({"seed, x", "hessian, median", "damping, much", "embeddings, f64", "refinements, ''"})
  void whatCannotBeReadIsRefused(String name, String value) {
    Map<String, String> recorded = recorded(options(Optional.empty(), ""));
    recorded.put(name, value);
    assertThrows(InvalidRequest.class, () -> RecordedOptions.read(recorded, List.of()));
  }

  @Test
  void whatIsMissingIsNamed() {
    Map<String, String> recorded = recorded(options(Optional.empty(), ""));
    recorded.remove("damping");
    InvalidRequest refused =
        assertThrows(InvalidRequest.class, () -> RecordedOptions.read(recorded, List.of()));
    assertTrue(refused.getMessage().contains("damping"));
  }
}
