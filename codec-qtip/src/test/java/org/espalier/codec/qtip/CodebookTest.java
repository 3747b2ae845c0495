package org.espalier.codec.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import org.espalier.api.EspalierException.DeviceFailure;
import org.junit.jupiter.api.Test;

final class CodebookTest {
  private final Codebook codebook = Codebook.load();

  @Test
  void tableIsTheResourceAndReadOnly() {
    assertArrayEquals(
        Fixtures.bytes("hyb-q9.f32le"), codebook.table().toArray(ValueLayout.JAVA_BYTE));
    assertEquals(Codebook.BYTES, codebook.table().byteSize());
    assertTrue(codebook.table().isReadOnly());
  }

  @Test
  void valuesAreTheTablesPairs() {
    float[] table = Fixtures.floats("hyb-q9.f32le");
    for (int entry = 0; entry < Codebook.ENTRIES; entry++) {
      assertEquals(table[2 * entry], codebook.value(entry, 0));
      assertEquals(table[2 * entry + 1], codebook.value(entry, 1));
    }
  }

  @Test
  void varianceIsOne() {
    double sum = 0;
    for (float value : Fixtures.floats("hyb-q9.f32le")) {
      sum += (double) value * value;
    }
    assertEquals(1.0, sum / 1024, 1e-3);
  }

  @Test
  void signedSecondsHoldBothSigns() {
    float[] firsts = codebook.firsts();
    float[] seconds = codebook.signedSeconds();
    assertEquals(512, firsts.length);
    assertEquals(1024, seconds.length);
    for (int entry = 0; entry < 512; entry++) {
      assertEquals(codebook.value(entry, 0), firsts[entry]);
      assertEquals(codebook.value(entry, 1), seconds[entry]);
      assertEquals(-codebook.value(entry, 1), seconds[512 + entry]);
    }
  }

  @Test
  void aDamagedTableIsRefused() {
    byte[] bytes = Fixtures.bytes("hyb-q9.f32le");
    bytes[1234] ^= 1;
    DeviceFailure failure = assertThrows(DeviceFailure.class, () -> Codebook.of(bytes));
    assertTrue(failure.getMessage().contains("codebook"), failure.getMessage());
    assertThrows(DeviceFailure.class, () -> Codebook.of(null));
    assertThrows(DeviceFailure.class, () -> Codebook.of(new byte[0]));
  }
}
