package org.espalier.launcher;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreparationTest {
  @Test
  void pays(@TempDir Path folder) throws IOException {
    Path large = folder.resolve("large.gguf");
    Path small = folder.resolve("small.gguf");
    try (RandomAccessFile sparse = new RandomAccessFile(large.toFile(), "rw");
        RandomAccessFile other = new RandomAccessFile(small.toFile(), "rw")) {
      sparse.setLength(2L << 30);
      other.setLength(1 << 20);
    }
    assertTrue(Preparation.isWorthwhile("completion", "-m", large.toString(), "-p", "a"));
    assertFalse(Preparation.isWorthwhile("completion", "-m", small.toString(), "-p", "a"));
    assertFalse(Preparation.isWorthwhile());
    assertFalse(Preparation.isWorthwhile("completion", "-p", "no\0path"));
  }
}
