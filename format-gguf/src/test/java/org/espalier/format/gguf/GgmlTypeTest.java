package org.espalier.format.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgmlTypeTest {
  @TempDir private Path folder;

  /**
   * The size of a block from what it is made of: halves and floats that scale it, packed scales of
   * its parts, and so many bits for each element.
   */
  @ParameterizedTest
  @CsvSource({
    "0, F32, 1, 4, 0",
    "1, F16, 1, 2, 0",
    "30, BF16, 1, 2, 0",
    "28, F64, 1, 8, 0",
    "24, I8, 1, 1, 0",
    "25, I16, 1, 2, 0",
    "26, I32, 1, 4, 0",
    "27, I64, 1, 8, 0",
    "2, Q4_0, 32, 2, 4",
    "3, Q4_1, 32, 4, 4",
    "6, Q5_0, 32, 2, 5",
    "7, Q5_1, 32, 4, 5",
    "8, Q8_0, 32, 2, 8",
    "9, Q8_1, 32, 4, 8",
    "20, IQ4_NL, 32, 2, 4",
    "10, Q2_K, 256, 20, 2",
    "11, Q3_K, 256, 14, 3",
    "12, Q4_K, 256, 16, 4",
    "13, Q5_K, 256, 16, 5",
    "14, Q6_K, 256, 18, 6",
    "15, Q8_K, 256, 36, 8",
    "16, IQ2_XXS, 256, 2, 2",
    "17, IQ2_XS, 256, 10, 2",
    "22, IQ2_S, 256, 18, 2",
    "18, IQ3_XXS, 256, 2, 3",
    "21, IQ3_S, 256, 14, 3",
    "23, IQ4_XS, 256, 8, 4",
    "19, IQ1_S, 256, 18, 1",
    "29, IQ1_M, 256, 24, 1",
    "34, TQ1_0, 256, 22, 1",
    "35, TQ2_0, 256, 2, 2",
    "39, MXFP4, 32, 1, 4",
    "40, NVFP4, 64, 4, 4"
  })
  void aTensorHasExactlyItsBlocks(int code, String name, int elements, int fixed, int bits) {
    int bytes = 3 * 2 * (fixed + elements * bits / 8);
    GgufBytes head = GgufBytes.header(3, 1, 0).tensor("t", code, 0, 2L * elements, 3).align(32);
    Path tooShort = head.zeros(bytes - 1).writeTo(folder.resolve("short.gguf"));
    assertThrows(MalformedModel.class, () -> new GgufFormat().open(tooShort));
    try (ModelArtifact artifact = Samples.open(head.zeros(100).writeTo(folder.resolve("t.gguf")))) {
      Tensor tensor = artifact.tensors().get("t");
      assertEquals(name, tensor.type().toString());
      assertEquals(bytes, tensor.bytes().byteSize());
      assertEquals(List.of(3L, 2L * elements), tensor.shape());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5, 31, 32, 33, 36, 37, 38, 41, 42, 1000, -1})
  void otherCodesAreUnknown(int code) {
    assertTrue(GgmlType.of(code).isEmpty());
    assertEquals("type " + Integer.toUnsignedString(code), GgmlType.storage(code).toString());
  }
}
