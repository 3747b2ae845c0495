package org.espalier.format.gguf;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.espalier.api.EspalierException.MalformedModel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reading allocates in proportion to the file, whatever the file claims. */
class AllocationTest {
  private static final int FIXED_BYTES = 256 << 10;
  private static final int COUNT = 100_000;

  @TempDir private Path folder;

  private long allocatedBytes(Path path) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try {
      Samples.open(path).close();
    } catch (MalformedModel e) {
      assertTrue(e.getMessage().contains("damaged"));
    }
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  @BeforeEach
  void loadClasses() {
    allocatedBytes(Samples.everything().writeTo(folder.resolve("first.gguf")));
  }

  private void assertBounded(GgufBytes file, int multiple) throws IOException {
    Path path = file.writeTo(folder.resolve("file.gguf"));
    // The smaller of two, as what is loaded at first use, once and for all, does not count.
    long allocated = Math.min(allocatedBytes(path), allocatedBytes(path));
    long bound = FIXED_BYTES + multiple * Files.size(path);
    assertTrue(allocated <= bound, "%d bytes allocated, %d allowed".formatted(allocated, bound));
  }

  /** One array of many values of each type; the multiples are those of the smallest values. */
  @ParameterizedTest
  @CsvSource({
    "0,1,9", "1,1,24", "2,2,16", "3,2,16", "4,4,8", "5,4,8", "6,4,8", "7,1,9", "8,8,2", "10,8,4",
    "11,8,4", "12,8,4"
  })
  void arrays(int type, int valueBytes, int multiple) throws IOException {
    GgufBytes file = GgufBytes.header(3, 0, 1).key("k", 9).int32(type).int64(COUNT);
    // A value that no cache of small numbers holds.
    for (int i = 0; i < COUNT; i++) {
      if (type == 7 || type == 8) {
        file.zeros(valueBytes);
      } else {
        file.zeros(valueBytes - 1).int8(0x80);
      }
    }
    assertBounded(file, multiple + 8);
  }

  @Test
  void shortTexts() throws IOException {
    GgufBytes file = GgufBytes.header(3, 0, 1).key("k", 9).int32(8).int64(COUNT);
    repeat(index -> file.text("x"));
    assertBounded(file, 16);
  }

  @Test
  void emptyArraysInAnArray() throws IOException {
    GgufBytes file = GgufBytes.header(3, 0, 1).key("k", 9).int32(9).int64(COUNT);
    repeat(index -> file.int32(0).int64(0));
    assertBounded(file, 24);
  }

  @Test
  void smallEntries() throws IOException {
    int count = (int) MetadataReader.MAX_ENTRIES;
    GgufBytes file = GgufBytes.header(3, 0, count);
    for (int i = 0; i < count; i++) {
      file.key(Integer.toString(i), 0).int8(1);
    }
    assertBounded(file, 48);
  }

  @Test
  void smallTensors() throws IOException {
    GgufBytes file = GgufBytes.header(3, COUNT, 0);
    repeat(index -> file.tensor(Integer.toString(index), 24, 32L * index));
    file.align(32).zeros(32 * COUNT);
    assertBounded(file, 32);
  }

  @ParameterizedTest
  @CsvSource({"0", "8", "9", "12"})
  void countsThatLie(int type) throws IOException {
    for (long count : new long[] {1L << 20, 1L << 31, Long.MAX_VALUE}) {
      assertBounded(GgufBytes.header(3, 0, 1).key("k", 9).int32(type).int64(count).zeros(1000), 0);
      assertBounded(GgufBytes.header(3, 0, 1).int64(count).zeros(1000), 0);
      assertBounded(GgufBytes.header(3, count, count).zeros(1000), 0);
    }
  }

  private static void repeat(Consumer<Integer> step) {
    for (int i = 0; i < COUNT; i++) {
      step.accept(i);
    }
  }
}
