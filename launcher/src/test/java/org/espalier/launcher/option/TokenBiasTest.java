package org.espalier.launcher.option;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class TokenBiasTest {
  @Test
  void bothSigns() {
    assertEquals(new TokenBias(15043, 1f), TokenBias.parse("15043+1"));
    assertEquals(new TokenBias(0, -0.5f), TokenBias.parse("0-0.5"));
    assertEquals(new TokenBias(7, Float.NEGATIVE_INFINITY), TokenBias.parse("7-inf"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "7", "+1", "x+1", "7+x", "7=1", "-7+1", "99999999999+1"})
  void anythingElseIsRefused(String text) {
    assertThrows(TypeConversionException.class, () -> TokenBias.parse(text));
  }
}
