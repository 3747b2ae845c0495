package org.espalier.backend.cuda.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** The kernels' text, for the driver to translate. */
public final class Modules {
  /** The oldest compute capability that is served, 7.5. */
  public static final int OLDEST = 75;

  private static final int AMPERE = 80;

  private Modules() {}

  /** The file that suits GPUs of a compute capability; newer ones run older text. */
  public static String name(int capability) {
    return capability >= AMPERE ? "kernels-80.ptx" : "kernels-75.ptx";
  }

  /** Its text. */
  public static String text(int capability) {
    String name = name(capability);
    try (InputStream in = Modules.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the module");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
