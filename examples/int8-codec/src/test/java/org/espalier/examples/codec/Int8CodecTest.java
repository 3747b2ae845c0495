package org.espalier.examples.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.junit.jupiter.api.Test;

class Int8CodecTest {
  @Test
  void runsAsANamedModule() {
    assertTrue(Int8Codec.class.getModule().isNamed());
  }

  @Test
  void whatIsDecodedIsWithinHalfAStepOfWhatWasEncoded() {
    LinearShape shape = new LinearShape(2, 3, 96);
    float[] weights = Int8ContractTest.weights(shape);
    Arrays.fill(weights, 0, 96, 0); // a row of zeros has the scale 0
    EncodedLinear linear =
        new Int8Codec().claim(RowEncoder.encode("w", shape, weights)).orElseThrow(Unsupported::new);
    LinearForm.Tiled tiled = assertInstanceOf(LinearForm.Tiled.class, linear.form());
    assertEquals(32, tiled.grid().columns(), "the widest tile that fills rows of 96");
    float[] row = new float[96];
    for (int i = 0; i < 6; i++) {
      tiled.core().decode(i / 3, i % 3, 0, 3, row, 0);
      float halfAStep = RowEncoder.scale(weights, i * 96, 96) / 2;
      for (int j = 0; j < 96; j++) {
        assertEquals(weights[i * 96 + j], row[j], 1.0001f * halfAStep);
      }
    }
  }
}
