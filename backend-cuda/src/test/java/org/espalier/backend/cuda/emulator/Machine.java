package org.espalier.backend.cuda.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * The machine of these tests: an emulated libcuda.so.1, built by g++ from the kernels' own sources;
 * or with {@code -Despalier.cuda.device=real} the driver that is installed.
 */
public final class Machine {
  private static final String KEY = "espalier.cuda.device";
  private static final int NO_COMPILER = 3;

  private Machine() {}

  /** Whether a real GPU is to be used. */
  public static boolean isReal() {
    return "real".equals(System.getProperty(KEY));
  }

  /** Sees to it that there is a driver; skips the calling test where g++ is missing. */
  public static void need() {
    if (!isReal()) {
      if (System.getenv("ESPALIER_SKIP_NOTHING") != null) {
        assertEquals("", Emulator.REASON);
      }
      assumeTrue(Emulator.REASON.isEmpty(), () -> Emulator.REASON);
    }
  }

  /** Sees to it that there is the emulator; skips the calling test on a real GPU. */
  public static void needEmulator() {
    assumeFalse(isReal(), "a real driver cannot be told to fail");
    need();
  }

  /** Sets the emulator up as it is at first: 4 GiB, one GPU, threads in order. */
  public static void reset() {
    if (!isReal()) {
      call("emulator_reset", FunctionDescriptor.ofVoid());
    }
  }

  /** Sets up one thing of the emulator otherwise; {@code driver.cpp} has the names. */
  @SuppressWarnings("restricted")
  public static void set(String name, long value) {
    if (!isReal()) {
      try (Arena arena = Arena.ofConfined()) {
        FunctionDescriptor type =
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG);
        assertEquals(1, call("emulator_set", type, arena.allocateFrom(name), value), name);
      }
    }
  }

  /** A number that the emulator counts: "launches", "graphs", "memory", "blocks" or "contexts". */
  public static long counted(String what) {
    return (long) call("emulator_" + what, FunctionDescriptor.of(ValueLayout.JAVA_LONG));
  }

  @SuppressWarnings("restricted")
  private static Object call(String name, FunctionDescriptor type, Object... arguments) {
    MemorySegment function = SymbolLookup.loaderLookup().find(name).orElseThrow();
    try {
      return Linker.nativeLinker().downcallHandle(function, type).invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException(name, e);
    }
  }

  /** Builds and loads the emulator, once for a process; the library is kept while sources stay. */
  private static final class Emulator {
    static final String REASON = load();

    @SuppressWarnings("restricted")
    private static String load() {
      try {
        Path folder = Files.createDirectories(Path.of("target", "emulator"));
        Path out = Files.createTempFile(folder, "folder", "");
        Path log = Files.createTempFile(folder, "log", "");
        Process process =
            new ProcessBuilder("./compile-emulator")
                .redirectOutput(out.toFile())
                .redirectError(log.toFile())
                .start();
        boolean ended = process.waitFor(3, TimeUnit.MINUTES);
        String said = Files.readString(log);
        Path made = Path.of(Files.readString(out).strip());
        Files.delete(out);
        Files.delete(log);
        if (ended && process.exitValue() == NO_COMPILER) {
          return said.strip();
        }
        if (!ended || process.exitValue() != 0) {
          process.destroyForcibly();
          throw new AssertionError("the emulator cannot be built: " + said);
        }
        System.load(made.resolve("libcuda.so.1").toString());
        return "";
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
