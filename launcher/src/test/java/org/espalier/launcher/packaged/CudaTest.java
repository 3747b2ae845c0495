package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.jr.ob.JSON;

/** GPUs as users meet them, packaged, over the driver that backend-cuda's tests emulate. */
class CudaTest {
  private static final String DEMO = Launch.DEMO.toString();
  private static final int NO_COMPILER = 3;

  private static String library = "";

  @BeforeAll
  static void buildEmulator(@TempDir Path folder) throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process;
    try {
      process =
          new ProcessBuilder(
                  Launch.MODELS.resolveSibling("backend-cuda/compile-emulator").toString())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile())
              .start();
    } catch (IOException _) {
      Needed.require(false, "no shell runs backend-cuda/compile-emulator");
      return;
    }
    assertTrue(process.waitFor(3, TimeUnit.MINUTES), "g++ does not end");
    String said = Files.readString(err);
    Needed.require(process.exitValue() != NO_COMPILER, said);
    assertEquals(0, process.exitValue(), said);
    library = Files.readString(out).strip();
  }

  private static Launch on(String gpu, String... arguments) throws Exception {
    return Launch.in(Map.of("LD_LIBRARY_PATH", library, "ESPALIER_EMULATED_GPU", gpu), arguments);
  }

  private static Launch success(String gpu, String... arguments) throws Exception {
    Launch launch = on(gpu, arguments);
    assertEquals(0, launch.exitCode(), launch.err());
    return launch;
  }

  @Test
  void completionRunsToTheEnd() throws Exception {
    String[] line = {
      "completion",
      "-m",
      DEMO,
      "-p",
      "Once upon a time",
      "-n",
      "6",
      "--temp",
      "0",
      "--precision",
      "exact",
      "--backend",
      "cuda"
    };
    Launch gpu = success("", line);
    assertTrue(gpu.err().matches("(?s).*note: cuda needs \\d+ MiB \\(weights .*"), gpu.err());
    assertTrue(gpu.err().contains("cuda: Emulated GPU (GPU 0"), gpu.err());
    line[line.length - 1] = "cpu";
    assertEquals(success("", line).out(), gpu.out());
  }

  /** Most experts in the host's memory, some layers on the CPU: the text stays the same. */
  @Test
  void offloadGivesTheSameText() throws Exception {
    String[] line = {
      "completion",
      "-m",
      DEMO,
      "-p",
      "Once upon a time",
      "-n",
      "6",
      "--temp",
      "0",
      "--precision",
      "exact",
      "--qtip-expert-offload",
      "--device-memory",
      "1M",
      "--backend-option",
      "far-experts=copy",
      "-v"
    };
    Launch far = success("", line);
    line[line.length - 2] = "far-experts=cpu";
    Launch cpu = success("", line);
    assertEquals(far.out(), cpu.out());
    assertTrue(far.err().contains("note: 17 experts (1 MiB) are in the device's"), far.err());
    assertTrue(far.err().contains("experts of layer 3 in host memory for cuda: "), far.err());
    assertTrue(far.err().matches("(?s).* MB per token from the host's memory .*"), far.err());
    assertTrue(cpu.err().contains("the CPU computes the experts of layers 0 to 2"), cpu.err());
    assertTrue(cpu.err().contains("experts of layer 2 in cpu: 0-15"), cpu.err());
  }

  @Test
  void benchNamesTheDevice() throws Exception {
    Launch launch =
        success(
            "capability=90",
            "bench",
            "-m",
            DEMO,
            "--backend",
            "cuda",
            "-p",
            "4",
            "-n",
            "2",
            "-d",
            "2",
            "-r",
            "1",
            "-o",
            "json");
    List<Object> tests = JSON.std.listFrom(launch.out());
    assertEquals(2, tests.size());
    for (Object test : tests) {
      Map<?, ?> fields = (Map<?, ?>) test;
      assertEquals("cuda", fields.get("backends"));
      String device = (String) fields.get("device");
      assertTrue(device.startsWith("Emulated GPU (GPU 0, compute capability 9.0"), device);
      assertEquals("Emulated GPU", fields.get("gpu_info"));
      assertFalse(((String) fields.get("cpu_info")).contains("GPU"));
      assertTrue((double) fields.get("avg_ts") > 0);
      assertTrue((double) fields.get("memory_bandwidth") > 0);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "devices=0 | the NVIDIA driver finds no GPU",
        "version=11030 | the NVIDIA driver is for CUDA 11.3; at least 11.4 is needed",
        "capability=70 | Emulated GPU has compute capability 7.0, and 7.5 is the least",
        "image=218 | the GPU failed at loading its kernels: ",
        "memory=5242880 | the model needs "
      })
  void whatCannotRunLeavesItToTheCpu(String gpu, String reason) throws Exception {
    Map<String, Object> json =
        JSON.std.mapFrom(success(gpu, "explain", "-m", DEMO, "--json").out());
    assertNotEquals("cuda", json.get("backend"));
    assertTrue(
        ((List<?>) json.get("declined_backends"))
            .stream().map(String.class::cast).anyMatch(each -> each.startsWith("cuda: " + reason)),
        json.get("declined_backends").toString());
  }

  @Test
  void pluginsSaysWhyNot() throws Exception {
    String works = success("", "plugins").out();
    assertTrue(works.contains("  works here: Emulated GPU (GPU 0, "), works);
    String text = success("capability=61", "plugins").out();
    String reason = "Emulated GPU has compute capability 6.1, and 7.5 is the least";
    assertTrue(text.contains("  cannot be used here: " + reason + "\n"), text);
  }

  /** A GPU that is there but too small is told of in one line, and the text is the CPU's. */
  @Test
  void aGpuThatIsTooSmallLeavesItToTheCpuWithALine() throws Exception {
    String[] line = {"completion", "-m", DEMO, "-p", "a king", "-n", "4", "--temp", "0"};
    Launch launch = success("memory=5242880", line);
    assertEquals(Launch.of(line).out(), launch.out());
    List<String> told = launch.err().lines().filter(text -> text.contains("not on cuda")).toList();
    assertEquals(1, told.size(), launch.err());
    assertTrue(
        told.getFirst()
            .matches(
                "note: runs on cpu, not on cuda: the model needs \\d+ MiB of GPU memory .* and 5 MiB are free .*"),
        told.getFirst());
  }

  /** With a limit too: weights of 4 bits are decoded to 16 for the GPU, and read in place here. */
  @Test
  void aLimitThatOnlyTheCpuKeepsChoosesIt(@TempDir Path folder) throws Exception {
    ModelFiles files = new ModelFiles();
    Path blocks =
        files.writeDemo(folder.resolve("q4.gguf"), files.weights(), _ -> BlockQuantizer.Q4_0);
    String[] line = {
      "completion",
      "-m",
      blocks.toString(),
      "-p",
      "a",
      "-n",
      "2",
      "--temp",
      "0",
      "-ub",
      "8",
      "-c",
      "64",
      "--memory-limit",
      "24M"
    };
    Launch launch = success("", line);
    assertTrue(
        launch
            .err()
            .matches(
                "(?s).*\\nnote: runs on cpu, not on cuda: the plan needs [\\d,]+ bytes of GPU memory .* and the limit is [\\d,]+\\n.*"),
        launch.err());
    line[line.length - 1] = "200M";
    assertTrue(success("", line).err().contains("cuda: Emulated GPU"));
    line[line.length - 1] = "1M";
    Launch nobody = on("", line);
    assertEquals(1, nobody.exitCode(), nobody.err());
    assertTrue(
        nobody
            .sentence()
            .matches(
                ".*no backend can run this model \\(cuda: the plan needs .*; cpu: it needs .*"),
        nobody.err());
  }

  @Test
  void theLimitOfMemoryHolds() throws Exception {
    String[] line = {
      "completion", "-m", DEMO, "-p", "a", "-n", "1", "--backend", "cuda", "--memory-limit", "6M"
    };
    Launch launch = on("", line);
    assertEquals(1, launch.exitCode(), launch.err());
    assertTrue(
        launch.sentence().matches(".*'cuda' cannot run this model: .* and the limit is [\\d,]+.*"),
        launch.err());
  }
}
