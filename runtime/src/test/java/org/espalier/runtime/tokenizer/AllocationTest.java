package org.espalier.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.espalier.api.format.Metadata;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A tokenizer takes memory in proportion to what the file says of it. */
class AllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int MULTIPLE = 48;

  /** In a GGUF a text takes eight bytes more than its letters. */
  private static long fileBytes(List<String> texts) {
    return texts.stream()
        .mapToLong(text -> text.getBytes(StandardCharsets.UTF_8).length + Long.BYTES)
        .sum();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 40, 511})
  void addedTokens(int length) {
    bounded(length, "\u2581", 2_000_000 / (length + 8));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 40, 511, 5_000})
  void plainTokens(int length) {
    bounded(length, "x", 2_000_000 / (length + 8));
  }

  private static void bounded(int length, String letter, int count) {
    List<String> tokens = new ArrayList<>(Fixtures.bytesAnd("ab"));
    for (int i = 0; i < count; i++) {
      String number = Integer.toString(i, Character.MAX_RADIX);
      tokens.add(letter.repeat(Math.max(0, length - number.length())) + number);
    }
    List<String> merges = Stream.generate(() -> "a b").limit(count).toList();
    Metadata metadata = Fixtures.metadata(tokens, merges);
    long before = THREADS.getCurrentThreadAllocatedBytes();
    Tokenizer tokenizer = Fixtures.quiet(metadata);
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    long file = fileBytes(tokens) + fileBytes(merges);
    assertTrue(
        allocated < (1 << 20) + MULTIPLE * file,
        "%d bytes allocated for %d in the file".formatted(allocated, file));
    assertEquals(tokens.size(), tokenizer.size());
  }
}
