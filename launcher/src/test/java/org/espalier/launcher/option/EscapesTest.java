package org.espalier.launcher.option;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EscapesTest {
  @Test
  void simpleEscapes() {
    assertEquals("a\nb\tc\rd'e\"f\\g", Escapes.process("a\\nb\\tc\\rd\\'e\\\"f\\\\g"));
  }

  @Test
  void hexadecimalEscapesAreBytesOfUtf8() {
    assertEquals("€uro A", Escapes.process("\\xE2\\x82\\xacuro \\x41"));
  }

  @Test
  void anEscapedBackslashBeginsNothing() {
    assertEquals("\\n", Escapes.process("\\\\n"));
  }

  @ParameterizedTest
  @CsvSource({"\\q", "\\x4", "\\xzz", "end\\", "\\0", "é\\u"})
  void whateverElseStays(String text) {
    assertEquals(text, Escapes.process(text));
  }
}
