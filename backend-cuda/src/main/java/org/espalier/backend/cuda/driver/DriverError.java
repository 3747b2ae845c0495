package org.espalier.backend.cuda.driver;

import static jcuda.driver.JCudaDriver.cuGetErrorName;
import static jcuda.driver.JCudaDriver.cuGetErrorString;

import org.espalier.api.EspalierException.DeviceFailure;

/** Results of driver calls. */
final class DriverError {
  static final int OUT_OF_MEMORY = 2;

  private DriverError() {}

  /** Throws if a call failed. */
  static void check(int code, String what) {
    if (code != 0) {
      throw new DeviceFailure("the GPU failed at %s: %s".formatted(what, name(code)));
    }
  }

  /** An error in words. */
  static String name(int code) {
    String[] name = new String[1];
    String[] text = new String[1];
    if (cuGetErrorName(code, name) != 0 || cuGetErrorString(code, text) != 0) {
      return "error " + code;
    }
    return "%s (%s, %d)".formatted(text[0], name[0], code);
  }
}
