package org.espalier.runtime.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8StreamTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 7, 20})
  void anyPartsOfAnyBytesGiveWhatTheWholeGives(int longestPart) {
    Random random = new Random(longestPart);
    byte[] likely = {'a', (byte) 0xC3, (byte) 0xA9, (byte) 0xE0, (byte) 0x80, (byte) 0xED};
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = new byte[random.nextInt(30)];
      random.nextBytes(bytes);
      for (int j = 0; j < bytes.length; j++) {
        int choice = random.nextInt(12);
        if (choice < likely.length) {
          bytes[j] = likely[choice];
        } else if (choice == 6) {
          bytes[j] = (byte) (0xF0 + random.nextInt(6));
        } else if (choice < 10) {
          bytes[j] = (byte) (0x80 + random.nextInt(0x40));
        }
      }
      assertEquals(new String(bytes, UTF_8), inParts(bytes, random, longestPart));
    }
  }

  private static String inParts(byte[] bytes, Random random, int longestPart) {
    Utf8Stream stream = new Utf8Stream();
    StringBuilder text = new StringBuilder();
    for (int start = 0; start < bytes.length; ) {
      int end = Math.min(bytes.length, start + random.nextInt(longestPart + 1));
      text.append(stream.accept(Arrays.copyOfRange(bytes, start, end)));
      start = end;
    }
    return text.append(stream.finish()).toString();
  }

  @Test
  void halfACharacterIsNeverShown() {
    byte[] bytes = "aé漢🙂z".getBytes(UTF_8);
    Utf8Stream stream = new Utf8Stream();
    StringBuilder text = new StringBuilder();
    for (byte value : bytes) {
      String shown = stream.accept(new byte[] {value});
      assertFalse(shown.contains("\uFFFD"));
      assertFalse(!shown.isEmpty() && Character.isHighSurrogate(shown.charAt(shown.length() - 1)));
      text.append(shown);
    }
    assertEquals("aé漢🙂z", text.toString());
    assertEquals("", stream.finish());
  }

  @Test
  void anUnfinishedCharacterAppearsAtTheEndAndTheStreamStartsAnew() {
    Utf8Stream stream = new Utf8Stream();
    assertEquals("a", stream.accept(new byte[] {'a', (byte) 0xE6, (byte) 0xBC}));
    assertEquals("\uFFFD", stream.finish());
    assertEquals("b", stream.accept(new byte[] {'b'}));
    assertEquals("", stream.finish());
    assertEquals("", stream.finish());
  }
}
