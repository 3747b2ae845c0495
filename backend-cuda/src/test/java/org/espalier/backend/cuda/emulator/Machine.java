package org.espalier.backend.cuda.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The machine of these tests: an emulated libcuda.so.1, built by g++ from the kernels' own sources;
 * or with {@code -Despalier.cuda.device=real} the driver that is installed.
 */
public final class Machine {
  private static final String KEY = "espalier.cuda.device";
  private static final List<String> LIBRARY = List.of("machine.cpp", "driver.cpp");

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

  /** Sets the emulator up as it is at first: 4 GiB, one GPU, threads in order. */
  public static void reset() {
    configure(4L << 30, 1, 12_060, false);
  }

  /** Sets the emulator up otherwise. */
  @SuppressWarnings("restricted")
  public static void configure(long memory, int devices, int version, boolean backwards) {
    if (!isReal()) {
      call(
          "emulator_configure",
          FunctionDescriptor.ofVoid(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT),
          memory,
          devices,
          version,
          backwards ? 1 : 0);
    }
  }

  /** A number that the emulator counts: "launches", "graphs", "memory" or "blocks". */
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
        Map<String, Path> sources = sources();
        Path folder = Path.of("target", "emulator", hash(sources)).toAbsolutePath();
        Path library = folder.resolve("libcuda.so.1");
        if (!Files.exists(library)) {
          Files.createDirectories(folder);
          String failure = build(folder);
          if (!failure.isEmpty()) {
            return failure;
          }
        }
        System.load(library.toString());
        return "";
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static Map<String, Path> sources() throws IOException {
      Map<String, Path> sources = new TreeMap<>();
      for (String folder : List.of("src/main/cuda", "src/test/cpp")) {
        try (Stream<Path> files = Files.list(Path.of(folder))) {
          files.forEach(file -> sources.put(file.toString(), file));
        }
      }
      return sources;
    }

    private static String hash(Map<String, Path> sources) throws IOException {
      try {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (Path source : sources.values()) {
          digest.update(Files.readAllBytes(source));
        }
        return HexFormat.of().formatHex(digest.digest(), 0, 8);
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException(e);
      }
    }

    /** Gives the reason to skip, if g++ is missing; fails if it fails. */
    private static String build(Path folder) throws IOException {
      Path made = folder.resolve("made-by-" + ProcessHandle.current().pid());
      List<String> command =
          Stream.concat(
                  Stream.of(
                      "g++",
                      "-std=c++17",
                      "-O2",
                      "-shared",
                      "-fPIC",
                      "-fvisibility=hidden",
                      "-Wno-unknown-pragmas",
                      "-Isrc/main/cuda",
                      "-Isrc/test/cpp",
                      "-Wl,-soname,libcuda.so.1",
                      "-o",
                      made.toString()),
                  LIBRARY.stream().map(name -> "src/test/cpp/" + name))
              .toList();
      Path log = folder.resolve("log");
      try {
        Process process =
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        if (!process.waitFor(3, TimeUnit.MINUTES) || process.exitValue() != 0) {
          throw new AssertionError("g++ failed: " + Files.readString(log));
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      } catch (IOException _) {
        return "no kernel was run: the emulator needs g++, which is not installed";
      }
      Files.move(made, folder.resolve("libcuda.so.1"), StandardCopyOption.ATOMIC_MOVE);
      return "";
    }
  }
}
