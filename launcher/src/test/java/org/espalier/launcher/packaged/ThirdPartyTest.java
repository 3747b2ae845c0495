package org.espalier.launcher.packaged;

import static org.espalier.launcher.packaged.ModelFiles.PLAIN;
import static org.espalier.launcher.packaged.ModelFiles.bytes;
import static org.espalier.launcher.packaged.ModelFiles.relativeError;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.launcher.Product;
import org.espalier.launcher.Sources;
import org.espalier.launcher.packaged.ModelFiles.Written;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What third parties add, each as one jar dropped into the plugin folder of a real launch. */
class ThirdPartyTest {
  private static final StorageType I8 = new StorageType.Block("ggml", 24, "I8");
  private static final String DEMO = Launch.DEMO.toString();

  @TempDir private Path folder;
  private final ModelFiles files = new ModelFiles();

  @Test
  void aCodecAndAKernelForIt() throws Exception {
    Map<String, float[]> weights = files.weights(); // decoded, so that 8 bits are of the real ones
    String model = int8Model(weights).toString();
    String sentence =
        refusal(1, Launch.of("completion", "-m", model, "-p", "Once", "-n", "1")).sentence();
    assertTrue(
        sentence.contains("no codec understands tensor 'blk.0.attn_q.int8.weight'"), sentence);
    assertTrue(sentence.contains("of type I8"), sentence);
    assertTrue(sentence.contains("known codecs: ggml, qtip"), sentence);

    List<Path> codec = plugins("int8-codec");
    float[] logits = ModelFiles.logits(Path.of(model), codec);
    double rounding = relativeError(ModelFiles.logits(denseModel(weights), List.of()), logits);
    assertTrue(rounding > 1e-5 && rounding < 0.03, "8 bits are close, but not equal: " + rounding);
    String generic = success(codec, "explain", "-m", model);
    assertTrue(generic.contains("weights int8 layout 1"), generic);
    assertTrue(generic.contains("kernel generic"), generic);

    List<Path> both = plugins("int8-codec", "int8-kernel");
    assertTrue(relativeError(logits, ModelFiles.logits(Path.of(model), both)) < 1e-5);
    String special = success(both, "explain", "-m", model);
    assertTrue(special.contains("kernel int8-rows"), special);
    assertTrue(!special.contains("kernel generic"), special);
    String listed = success(both, "plugins");
    assertTrue(listed.contains("codec int8: a byte per weight"), listed);
    assertTrue(
        listed.contains(
            "CpuKernelProvider Int8Kernels\n"
                + "  module org.espalier.examples.kernel in espalier-example-int8-kernel.jar"),
        listed);
    String ignored = success(plugins("int8-kernel"), "explain", "-m", DEMO);
    assertTrue(ignored.contains("not int8-rows: the codec is plain, not int8"), ignored);
  }

  @Test
  void anArchitecture() throws Exception {
    Path model = folder.resolve("bigram.gguf");
    float[] norm;
    float[] head;
    float[] table;
    try (ModelArtifact demo = files.open(Launch.DEMO)) {
      Map<String, MetadataValue> metadata = new LinkedHashMap<>(demo.metadata().entries());
      metadata.keySet().removeIf(key -> key.startsWith("olmoe."));
      metadata.put("general.architecture", new Text("bigram"));
      metadata.put("bigram.embedding_length", new Whole(WholeType.UINT32, 256));
      metadata.put("bigram.context_length", new Whole(WholeType.UINT32, 32));
      Map<String, Written> tensors = new LinkedHashMap<>();
      for (String name : List.of("token_embd.weight", "output_norm.weight", "output.weight")) {
        Tensor tensor = demo.tensors().get(name);
        tensors.put(name, new Written(PLAIN, tensor.shape(), bytes(tensor)));
      }
      table = ModelFiles.floats(demo.tensors().get("token_embd.weight"));
      norm = ModelFiles.floats(demo.tensors().get("output_norm.weight"));
      head = ModelFiles.floats(demo.tensors().get("output.weight"));
      files.write(model, new Metadata(metadata), tensors);
    }
    String sentence =
        refusal(1, Launch.of("completion", "-m", model.toString(), "-p", "Once")).sentence();
    assertTrue(sentence.contains("'bigram'"), sentence);
    assertTrue(sentence.contains("known here are: olmoe"), sentence);
    float[] logits = ModelFiles.logits(model, plugins("bigram"));
    assertTrue(relativeError(bigramLogits(table, norm, head), logits) < 1e-6);
    success(
        plugins("bigram"),
        "completion",
        "-m",
        model.toString(),
        "-p",
        "Once",
        "-n",
        "3",
        "-s",
        "1");
  }

  private static float[] bigramLogits(float[] table, float[] norm, float[] head) {
    int width = norm.length;
    float[] logits = new float[ModelFiles.TOKENS.size() * ModelFiles.VOCABULARY];
    for (int t = 0; t < ModelFiles.TOKENS.size(); t++) {
      int token = ModelFiles.TOKENS.get(t);
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += Math.pow(table[token * width + i], 2);
      }
      double scale = 1 / Math.sqrt(squares / width + 1e-5);
      for (int v = 0; v < ModelFiles.VOCABULARY; v++) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
          sum += table[token * width + i] * scale * norm[i] * head[v * width + i];
        }
        logits[t * ModelFiles.VOCABULARY + v] = (float) sum;
      }
    }
    return logits;
  }

  @Test
  void aFormat() throws Exception {
    Path tape = folder.resolve("demo.tape");
    try (ModelArtifact demo = files.open(Launch.DEMO)) {
      Tape.write(demo, tape);
    }
    String sentence =
        refusal(1, Launch.of("completion", "-m", tape.toString(), "-p", "Once")).sentence();
    assertTrue(sentence.contains("no model file that can be read here"), sentence);
    assertTrue(sentence.contains("gguf: "), sentence);
    List<Path> plugin = List.of(compiled("tape").getParent());
    assertArrayEquals(
        ModelFiles.logits(Launch.DEMO, List.of()), ModelFiles.logits(tape, plugin), 0f);
    String inspected = success(plugin, "inspect", tape.toString());
    assertTrue(inspected.contains("tape, "), inspected);
  }

  @Test
  void aBackendTakesOverWhereItIsOnThePath() throws Exception {
    List<Path> tortoise = tortoise();
    String text = success(tortoise, "explain", "-m", DEMO);
    assertTrue(text.startsWith("backend tortoise: four legs\n"), text);
    String excluded = success(tortoise, "explain", "-m", DEMO, "--exclude-provider", "tortoise");
    assertTrue(excluded.startsWith("backend cpu: "), excluded);
    String named = success(tortoise, "explain", "-m", DEMO, "--backend", "cpu");
    assertTrue(named.startsWith("backend cpu: "), named);

    Path model = Launch.MODELS.resolve("tiny2k-random.gguf");
    String[] short4 = {"--tokens", "1,2,3,4"};
    float[] slow = ModelFiles.logits(model, tortoise, short4);
    assertTrue(relativeError(ModelFiles.logits(model, List.of(), short4), slow) < 1e-5);
  }

  @Test
  void withoutTheCpuBackendAnotherRunsOrNobodyDoes() throws Exception {
    List<Path> jars;
    try (Stream<Path> all = Files.list(Launch.MODULES)) {
      jars = new ArrayList<>(all.filter(jar -> !jar.toString().contains("backend-cpu")).toList());
    }
    String sentence = refusal(1, Launch.on(jars, "completion", "-p", "Once")).sentence();
    assertTrue(sentence.contains("no backend can run this model (cuda: "), sentence);
    jars.addAll(tortoise());
    Launch alone = Launch.on(jars, "explain", "-m", DEMO);
    assertEquals(0, alone.exitCode(), alone.err());
    assertTrue(alone.out().startsWith("backend tortoise: "), alone.out());
    Launch excluded = Launch.of("completion", "-p", "Once", "--exclude-provider", "backend:cpu");
    assertTrue(
        refusal(1, excluded).sentence().contains("no backend can run this model (cuda: "),
        excluded.err());
  }

  /** The demo model with all matrices of layers as codec int8 has them. */
  private Path int8Model(Map<String, float[]> weights) {
    return rewritten(
        "int8.gguf",
        (tensor, tensors) -> {
          String stem = tensor.name().substring(0, tensor.name().lastIndexOf('.'));
          float[] values = weights.get(tensor.name());
          if (values == null || !stem.startsWith("blk.")) {
            return false;
          }
          int inputs = Math.toIntExact(tensor.shape().getLast());
          byte[] codes = new byte[values.length];
          float[] scales = new float[values.length / inputs];
          for (int row = 0; row < scales.length; row++) {
            float largest = 0;
            for (int i = row * inputs; i < (row + 1) * inputs; i++) {
              largest = Math.max(largest, Math.abs(values[i]));
            }
            scales[row] = largest / 127;
            for (int i = row * inputs; i < (row + 1) * inputs; i++) {
              codes[i] = (byte) Math.round(values[i] / scales[row]);
            }
          }
          List<Long> rows = tensor.shape().subList(0, tensor.shape().size() - 1);
          tensors.put(stem + ".int8.weight", new Written(I8, tensor.shape(), codes));
          tensors.put(stem + ".int8.scale", new Written(PLAIN, rows, bytes(scales)));
          return true;
        });
  }

  private Path denseModel(Map<String, float[]> weights) {
    return rewritten(
        "dense.gguf",
        (tensor, tensors) -> {
          float[] values = weights.get(tensor.name());
          if (values == null) {
            return false;
          }
          tensors.put(tensor.name(), new Written(PLAIN, tensor.shape(), bytes(values)));
          return true;
        });
  }

  /** Writes something in place of a tensor, or says that it has nothing. */
  private interface Replacement {
    boolean write(Tensor tensor, Map<String, Written> tensors);
  }

  private Path rewritten(String name, Replacement replacement) {
    Path file = folder.resolve(name);
    try (ModelArtifact demo = files.open(Launch.DEMO)) {
      Map<String, Written> tensors = new LinkedHashMap<>();
      for (Tensor tensor : demo.tensors().values()) {
        if (!tensor.name().contains(".sign_") && !replacement.write(tensor, tensors)) {
          tensors.put(tensor.name(), new Written(tensor.type(), tensor.shape(), bytes(tensor)));
        }
      }
      files.write(file, demo.metadata(), tensors);
    }
    return file;
  }

  /** A plugin folder with jars of examples. */
  private List<Path> plugins(String... examples) throws IOException {
    Path plugins = Files.createTempDirectory(folder, "plugins-");
    for (String example : examples) {
      String jar = "espalier-example-" + example + ".jar";
      Files.copy(Path.of(System.getProperty("espalier.plugins"), jar), plugins.resolve(jar));
    }
    return List.of(plugins);
  }

  private List<Path> tortoise() throws IOException {
    List<Path> path = new ArrayList<>(List.of(compiled("tortoise").getParent()));
    path.add(Product.locations().get("testkit"));
    path.addAll(Product.jarsOfTestkit());
    return path;
  }

  /** A jar of one of the small plugins whose sources lie among the resources. */
  private Path compiled(String name) throws IOException {
    Path sources =
        Path.of("src/test/resources/org/espalier/launcher/packaged/plugins").resolve(name);
    Map<String, String> texts = new HashMap<>();
    try (Stream<Path> all = Files.walk(sources)) {
      for (Path source : all.filter(Files::isRegularFile).toList()) {
        texts.put(sources.relativize(source).toString(), Files.readString(source));
      }
    }
    List<String> path = new ArrayList<>(List.of(Product.path()));
    Product.jarsOfTestkit().forEach(jar -> path.add(jar.toString()));
    Path classes =
        Sources.compile(
            texts,
            Files.createTempDirectory(folder, "classes-"),
            "-p",
            String.join(File.pathSeparator, path));
    return Sources.jar(
        classes, Files.createTempDirectory(folder, "plugins-").resolve(name + ".jar"));
  }

  private static String success(List<Path> plugins, String... arguments) throws Exception {
    Launch launch = Launch.with(plugins, "", arguments);
    assertEquals(0, launch.exitCode(), launch.err());
    return launch.out();
  }

  private static Launch refusal(int exitCode, Launch launch) {
    assertEquals(exitCode, launch.exitCode(), launch.err());
    assertEquals("", launch.out());
    return launch;
  }
}
