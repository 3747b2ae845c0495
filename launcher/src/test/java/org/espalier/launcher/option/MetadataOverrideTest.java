package org.espalier.launcher.option;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.espalier.api.format.MetadataValue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class MetadataOverrideTest {
  @Test
  void everyType() {
    assertEquals(
        new MetadataValue.Whole(MetadataValue.WholeType.INT64, -7),
        MetadataOverride.parse("a.b=int:-7").value());
    assertEquals(
        new MetadataValue.Real(MetadataValue.RealType.FLOAT64, 1e-5),
        MetadataOverride.parse("a.b=float:1e-5").value());
    assertEquals(new MetadataValue.Flag(true), MetadataOverride.parse("a.b=bool:true").value());
    assertEquals(new MetadataValue.Text("x=y:z"), MetadataOverride.parse("a.b=str:x=y:z").value());
    assertEquals("a.b", MetadataOverride.parse("a.b=str:").key());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "a", "a=b", "=int:1", "a:int=1", "a=int:x", "a=int:", "a=bool:1", "a=long:1"})
  void anythingElseIsRefused(String text) {
    assertThrows(TypeConversionException.class, () -> MetadataOverride.parse(text));
  }
}
