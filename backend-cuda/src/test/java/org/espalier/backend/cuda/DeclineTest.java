package org.espalier.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Precision;
import org.espalier.api.model.ModelPlan;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.GpuInfo;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.backend.cuda.kernel.Modules;
import org.espalier.runtime.Model;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whatever is missing is said in a sentence, and nothing of it stays. */
class DeclineTest {
  private static final String DEMO = "tiny-tales-qtip.gguf";

  @BeforeEach
  void needsEmulator() {
    Machine.needEmulator();
    Machine.reset();
  }

  /** The process must not be poisoned: what works without the fault works after it. */
  @AfterEach
  void worksAgain() {
    if (!Machine.isReal()) {
      Machine.reset();
      assertEquals(0, Machine.counted("contexts"), "nothing is held");
      assertEquals(0, Machine.counted("memory"));
      assertEquals(0, Machine.counted("blocks"));
      try (Backend backend = CudaBackends.open()) {
        assertTrue(backend.device().startsWith("Emulated GPU (GPU 0"), backend.device());
      }
    }
  }

  private static String reason() {
    return reason(Map.of());
  }

  private static String reason(Map<String, String> settings) {
    return reason(CudaBackends.offer(settings));
  }

  private static String reason(Offer<?> offer) {
    String reason = assertInstanceOf(Offer.Declined.class, offer).reason();
    assertFalse(reason.contains("\n"), reason);
    return reason;
  }

  @Test
  void noDevice() {
    Machine.set("devices", 0);
    assertEquals("the NVIDIA driver finds no GPU", reason());
  }

  @Test
  void noSuchDevice() {
    assertEquals("there is no GPU 1; there is one, 0", reason(Map.of("device", "1")));
    Machine.set("devices", 3);
    assertEquals("there is no GPU 3; there are 0 to 2", reason(Map.of("device", "3")));
    assertThrows(InvalidRequest.class, () -> CudaBackends.offer(Map.of("device", "-1")));
    try (Backend third = CudaBackends.open(Map.of("device", "2"))) {
      assertTrue(third.device().contains("GPU 2"), third.device());
    }
  }

  @Test
  void driverTooOld() {
    Machine.set("version", 11_030);
    assertEquals(
        "the NVIDIA driver is for CUDA 11.3; at least 11.4 is needed: update the driver", reason());
    Machine.set("version", 11_040);
    CudaBackends.open().close();
  }

  @Test
  void driverThatDoesNotStart() {
    Machine.set("start", 803); // library and kernel module of different versions
    assertEquals("the NVIDIA driver does not start: error 803", reason());
  }

  @ParameterizedTest
  @CsvSource({"70, 7.0", "61, 6.1", "35, 3.5"})
  void capabilityTooLow(int capability, String readable) {
    Machine.set("capability", capability);
    assertEquals(
        "Emulated GPU has compute capability %s, and 7.5 is the least".formatted(readable),
        reason());
  }

  @ParameterizedTest
  @CsvSource({"75", "80", "86", "89", "90", "100", "120"})
  void laterCapabilitiesDo(int capability) {
    Machine.set("capability", capability);
    try (Backend backend = CudaBackends.open()) {
      String readable = "capability %d.%d,".formatted(capability / 10, capability % 10);
      assertTrue(backend.device().contains(readable), backend.device());
    }
  }

  @Test
  void gpuThatDoesNotStart() {
    Machine.set("context", 2); // no room for a context
    String reason = reason();
    assertTrue(reason.startsWith("the GPU failed at starting GPU 0: "), reason);
    assertTrue(reason.contains("CUDA_ERROR_OUT_OF_MEMORY"), reason);
  }

  @Test
  void kernelsThatTheDriverRefuses() {
    Machine.set("image", 218);
    String reason = reason();
    assertTrue(reason.startsWith("the GPU failed at loading its kernels: "), reason);
    assertTrue(reason.contains("CUDA_ERROR_INVALID_PTX"), reason);
  }

  private static String refused(String ptx) {
    GpuInfo info = Gpu.describe(0).orElseThrow(DeviceFailure::new);
    return assertThrows(DeviceFailure.class, () -> Gpu.open(info, ptx)).getMessage();
  }

  @Test
  void damagedKernels() {
    String ptx = Modules.text(75);
    assertTrue(refused("").contains("CUDA_ERROR_INVALID_IMAGE"));
    assertTrue(refused("no PTX at all").contains("CUDA_ERROR_INVALID_IMAGE"));
    String half = refused(ptx.substring(0, ptx.indexOf("bra") + 10));
    assertTrue(half.contains("CUDA_ERROR_INVALID_PTX"), half);
    String newer = refused(ptx.replace(".version 7.0", ".version 9.9"));
    assertTrue(newer.contains("CUDA_ERROR_UNSUPPORTED_PTX_VERSION"), newer);
    String other = refused(Modules.text(80));
    assertTrue(other.contains("CUDA_ERROR_NO_BINARY_FOR_GPU"), other);
  }

  /** PTX of other sources: a kernel is missing, or takes something else. */
  @Test
  void kernelsOfOtherSources() {
    String ptx = Modules.text(75);
    String missing = refused(ptx.replace(".entry route(", ".entry rout(").trim());
    assertTrue(missing.contains("the GPU failed at finding route: "), missing);
    String otherSize = refused(ptx.replaceAll("(\\.param [^\\n]*join_param_0)\\[\\d+\\]", "$1[8]"));
    assertTrue(otherSize.contains("the GPU failed at finding join: "), otherSize);
  }

  private static String unsupported(Map<String, String> settings) {
    return assertThrows(
            Unsupported.class, () -> SmallModels.open(DEMO, Precision.FAST, 8, settings).close())
        .getMessage();
  }

  @Test
  void tooLittleMemory() {
    Machine.set("memory", 5 << 20);
    String reason = unsupported(Map.of());
    assertTrue(
        reason.matches(
            ".*the model needs \\d+ MiB of GPU memory \\(weights \\d+, working memory \\d+, keys and values \\d+\\) and 5 MiB are free of the 5 of Emulated GPU.*"),
        reason);
  }

  @Test
  void overTheLimit() {
    try (Model model = SmallModels.open(DEMO, Precision.FAST, 8, Map.of());
        Backend backend = CudaBackends.open()) {
      ModelPlan plan = model.plan();
      CompileOptions options = CompileOptions.of(Precision.FAST, 8);
      long held = Machine.counted("memory");
      String reason = reason(backend.compile(plan, options.limitedTo(OptionalLong.of(1_000_000))));
      assertTrue(
          reason.matches(
              "the plan needs [\\d,]+ bytes of GPU memory \\(weights .*\\) and the limit is 1,000,000"),
          reason);
      assertEquals(held, Machine.counted("memory"), "nothing was taken");
      backend.compile(plan, options).orElseThrow(DeviceFailure::new).close();
    }
  }
}
