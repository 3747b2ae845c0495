package org.espalier.datasets;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NumpyIdsTest {
  private static final int[] SIX = {5, 0, 300, 7, 32000, 1};

  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({"<i2, 1", "<u2, 1", "<i4, 1", "<u4, 2", "<i8, 2", "<u8, 3", "=i4, 1"})
  void everyTypeAndVersion(String type, int version) throws IOException {
    Path file = file(version, header(type, "False", "(2, 3)"), data(type, SIX));
    NumpyIds ids = NumpyIds.read(file);
    assertArrayEquals(SIX, ids.ids());
    assertEquals(3, ids.rowLength());
    List<int[]> cut = ids.sequences(5, 2, file);
    assertEquals(2, cut.size());
    assertArrayEquals(new int[] {7, 32000}, cut.get(1));
  }

  @Test
  void oneDimensionIsCutIntoSequences() throws IOException {
    Path file = file(1, header("<i4", "False", "(6,)"), data("<i4", SIX));
    List<int[]> cut = NumpyIds.read(file).sequences(9, 4, file);
    assertEquals(1, cut.size());
    assertArrayEquals(new int[] {5, 0, 300, 7}, cut.getFirst());
    assertEquals(2, NumpyIds.read(file).sequences(2, 2, file).size());
  }

  @Test
  void rowsThatAreTooShortAreRefused() throws IOException {
    Path file = file(1, header("<i4", "False", "(2, 3)"), data("<i4", SIX));
    NumpyIds ids = NumpyIds.read(file);
    assertThrows(InvalidRequest.class, () -> ids.sequences(1, 4, file));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        ">i4; False; (6,)",
        "<f4; False; (6,)",
        "<i1; False; (24,)",
        "<i4; True; (2, 3)",
        "<i4; False; ()",
        "<i4; False; (1, 2, 3)",
        "<i4; False; (7,)",
        "<i4; False; (5,)",
        "<i4; False; (-6,)",
        "<i4; False; (6, 0)",
        "<i4; False; (0, 6)",
        "<i4; False; (999999999, 999999999)",
        "<i8; False; (999999999, 999999999)",
        "<i4; False; (99999999999999999999,)"
      })
  void whatCannotBeTrueIsRefused(String type, String order, String shape) throws IOException {
    Path file = file(1, header(type, order, shape), data("<i4", SIX));
    MalformedData refused = assertThrows(MalformedData.class, () -> NumpyIds.read(file));
    assertTrue(refused.getMessage().contains(file.toString()), refused.getMessage());
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, Integer.MAX_VALUE + 1L})
  void numbersThatAreNoTokensAreRefused(long id) throws IOException {
    byte[] data = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(id).array();
    Path file = file(1, header("<i8", "False", "(1,)"), data);
    assertThrows(MalformedData.class, () -> NumpyIds.read(file));
  }

  @Test
  void anEmptyFileAndOneThatEndsAnywhere() throws IOException {
    byte[] whole = Files.readAllBytes(file(1, header("<i4", "False", "(6,)"), data("<i4", SIX)));
    for (int length = 0; length < whole.length; length++) {
      Path cut = Files.write(folder.resolve("cut.npy"), Arrays.copyOf(whole, length));
      assertThrows(MalformedData.class, () -> NumpyIds.read(cut), "of " + length + " bytes");
    }
  }

  @Test
  void aHeaderLongerThanTheFileIsRefused() throws IOException {
    byte[] bytes = Files.readAllBytes(file(2, header("<i4", "False", "(6,)"), data("<i4", SIX)));
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(8, -1);
    Path file = Files.write(folder.resolve("long.npy"), bytes);
    assertThrows(MalformedData.class, () -> NumpyIds.read(file));
  }

  /** Whatever a byte becomes, there are ids or one sentence. */
  @Test
  void damagedHeadersAreReadOrRefused() throws IOException {
    byte[] whole = Files.readAllBytes(file(1, header("<i4", "False", "(2, 3)"), data("<i4", SIX)));
    Random random = new Random(3);
    for (int i = 0; i < 2000; i++) {
      byte[] damaged = whole.clone();
      damaged[random.nextInt(128)] = (byte) random.nextInt(256);
      Path file = Files.write(folder.resolve("damaged.npy"), damaged);
      try {
        assertTrue(NumpyIds.read(file).ids().length <= 12);
      } catch (EspalierException refused) {
        assertTrue(refused.getMessage().contains("damaged.npy"));
      }
    }
  }

  private static String header(String type, String order, String shape) {
    return "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }".formatted(type, order, shape);
  }

  private static byte[] data(String type, int[] ids) {
    int bytes = type.charAt(2) - '0';
    ByteBuffer data = ByteBuffer.allocate(ids.length * bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int id : ids) {
      switch (bytes) {
        case 2 -> data.putShort((short) id);
        case 4 -> data.putInt(id);
        default -> data.putLong(id);
      }
    }
    return data.array();
  }

  private Path file(int version, String header, byte[] data) throws IOException {
    int lengthBytes = version == 1 ? Short.BYTES : Integer.BYTES;
    String line = header + " ".repeat(128 - 8 - lengthBytes - 1 - header.length()) + "\n";
    ByteBuffer file = ByteBuffer.allocate(128 + data.length).order(ByteOrder.LITTLE_ENDIAN);
    file.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) version, 0});
    if (version == 1) {
      file.putShort((short) line.length());
    } else {
      file.putInt(line.length());
    }
    file.put(line.getBytes(StandardCharsets.US_ASCII)).put(data);
    return Files.write(folder.resolve("ids.npy"), file.array());
  }
}
