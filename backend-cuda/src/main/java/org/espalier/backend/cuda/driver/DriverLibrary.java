package org.espalier.backend.cuda.driver;

import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuInit;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import org.espalier.api.Offer;

/**
 * Finds the driver's library, and only then lets JCuda load: a class whose native library failed to
 * load stays broken for as long as the process lives.
 */
final class DriverLibrary {
  private static final String DRIVER = "libcuda.so.1";
  private static final String NATIVES = "libJCudaDriver-12.6.0-linux-x86_64.so";

  /** CUDA 11.4, the first driver with every function that is called here. */
  static final int OLDEST = 11_040;

  private static final int NO_DEVICE = 100;

  private DriverLibrary() {}

  /** Empty if the driver can be used, else why not. The library stays loaded. */
  static Offer<Integer> version() {
    String system = System.getProperty("os.name") + " " + System.getProperty("os.arch");
    if (!system.equals("Linux amd64")) {
      return Offer.declined("runs on Linux on x86-64, and this is " + system);
    }
    Offer<Integer> probed = probe();
    if (probed instanceof Offer.Accepted<Integer>) {
      String failure = Loaded.FAILURE;
      if (!failure.isEmpty()) {
        return Offer.declined(failure);
      }
      int[] version = new int[1];
      int code = cuInit(0);
      if (code == 0) {
        code = cuDriverGetVersion(version);
      }
      return code == 0
          ? Offer.accepted(version[0])
          : Offer.declined("the NVIDIA driver does not start: " + DriverError.name(code));
    }
    return probed;
  }

  /** Asks the driver for its version and its devices without JCuda. */
  @SuppressWarnings("restricted") // calls into a library are what this is about
  private static Offer<Integer> probe() {
    try (Arena arena = Arena.ofConfined()) {
      // For good: a driver that has started may not survive being unloaded.
      SymbolLookup library = SymbolLookup.libraryLookup(DRIVER, Arena.global());
      MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
      int code = call(library, "cuInit", 0);
      if (code == NO_DEVICE) {
        return Offer.declined("the NVIDIA driver finds no GPU");
      }
      if (code != 0) {
        return Offer.declined("the NVIDIA driver does not start: error %d".formatted(code));
      }
      code = call(library, "cuDriverGetVersion", value);
      int version = value.get(ValueLayout.JAVA_INT, 0);
      if (code != 0 || version < OLDEST) {
        return Offer.declined(
            "the NVIDIA driver is for CUDA %s; at least %s is needed: update the driver"
                .formatted(readable(version), readable(OLDEST)));
      }
      return Offer.accepted(version);
    } catch (IllegalArgumentException _) {
      return Offer.declined("no NVIDIA driver: " + DRIVER + " is not installed");
    }
  }

  static String readable(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  @SuppressWarnings("restricted")
  private static int call(SymbolLookup library, String name, Object argument) {
    MemorySegment function =
        library
            .find(name)
            .orElseThrow(() -> new IllegalArgumentException(DRIVER + " lacks " + name));
    FunctionDescriptor type =
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT,
            argument instanceof Integer ? ValueLayout.JAVA_INT : ValueLayout.ADDRESS);
    MethodHandle handle = Linker.nativeLinker().downcallHandle(function, type);
    try {
      return (int) handle.invokeWithArguments(argument);
    } catch (Throwable e) {
      throw new IllegalStateException("calling " + name, e);
    }
  }

  /**
   * JCuda's own native library. It looks for it on java.library.path, then among the resources of
   * its own module, where it is not on a module path, then in the temporary folder. So it is put
   * into a folder of its own, which is the temporary one for just as long as JCuda's class starts.
   */
  private static final class Loaded {
    static final String FAILURE = load();

    private static String load() {
      String key = "java.io.tmpdir";
      String before = System.getProperty(key);
      try (InputStream library = ClassLoader.getSystemResourceAsStream("lib/" + NATIVES)) {
        Path folder = Files.createTempDirectory("espalier-cuda");
        try {
          if (library != null) {
            Files.copy(library, folder.resolve(NATIVES));
          }
          System.setProperty(key, folder.toString());
          jcuda.driver.JCudaDriver.setExceptionsEnabled(false);
        } finally {
          System.setProperty(key, before);
          Files.deleteIfExists(folder.resolve(NATIVES));
          Files.deleteIfExists(folder);
        }
        return "";
      } catch (IOException | LinkageError e) {
        String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        return "JCuda's native library cannot be loaded: " + message;
      }
    }
  }
}
