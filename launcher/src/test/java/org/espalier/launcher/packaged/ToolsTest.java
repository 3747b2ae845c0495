package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/** The commands that look into files and providers, packaged, on the demo model. */
class ToolsTest {
  private static final String DEMO = Launch.DEMO.toString();

  @TempDir private Path folder;

  private static Launch success(String... arguments) throws Exception {
    Launch launch = Launch.here(arguments);
    assertEquals(0, launch.exitCode(), launch.err());
    return launch;
  }

  @Test
  void inspectShowsEverything() throws Exception {
    String out = success("inspect", DEMO).out();
    assertTrue(out.contains("GGUF v3, 12,605,120 bytes\n"), out);
    assertTrue(out.contains("tokenizer.ggml.tokens                   texts    4,080: |||IP"), out);
    assertTrue(
        out.matches("(?s).*blk\\.0\\.attn_q\\.weight +type 41 +256 x 256 +17,408 bytes +2\\.125.*"),
        out);
    assertTrue(out.matches("(?s).*type 41 +28 tensors +13,631,488 elements.*"), out);
    assertTrue(
        out.contains("codec qtip: 28 linear operators, 13,631,488 weights, 2.375 bits"), out);
    assertTrue(out.contains("left open: tokenizer.ggml.pre is missing: reading it as 'olmo'"), out);
    assertTrue(out.contains("espalier repair"), out);
  }

  @Test
  void inspectSpeaksJson() throws Exception {
    Map<String, Object> json = JSON.std.mapFrom(success("inspect", DEMO, "--json").out());
    assertEquals(12605120, json.get("size"));
    assertEquals(107, ((List<?>) json.get("tensors")).size());
    Map<?, ?> metadata = (Map<?, ?>) json.get("metadata");
    assertEquals(Map.of("type", "uint32", "value", 4), metadata.get("olmoe.block_count"));
    assertEquals(4080, ((Map<?, ?>) metadata.get("tokenizer.ggml.tokens")).get("count"));
    Map<?, ?> reading = (Map<?, ?>) json.get("reading");
    assertEquals("olmoe", reading.get("architecture"));
    assertEquals(10, reading.get("stages"));
    assertEquals(4, ((List<?>) reading.get("left_open")).size());
    assertEquals(List.of(), reading.get("obstacles"));
  }

  @Test
  void checkReadsEveryNumber() throws Exception {
    Map<String, Object> json =
        JSON.std.mapFrom(success("inspect", DEMO, "--check", "--json").out());
    List<?> checks = (List<?>) json.get("checks");
    assertEquals(107, checks.size(), "79 plain tensors and 28 decoded ones");
    Map<?, ?> decoded =
        checks.stream()
            .map(Map.class::cast)
            .filter(check -> check.get("name").equals("blk.1.ffn_up_exps.weight"))
            .findFirst()
            .orElseThrow();
    assertEquals("qtip", decoded.get("decoded_by"));
    assertEquals(16 * 256 * 256, decoded.get("values"));
    assertTrue((double) decoded.get("root_mean_square") > 0.01, decoded.toString());
    assertTrue(success("inspect", DEMO, "--check").out().contains("  no problem was found\n"));
  }

  /** Where a tensor of the demo model begins: its data follow the table, in its order. */
  private static ByteBuffer demoBytes() throws Exception {
    return ByteBuffer.wrap(Files.readAllBytes(Launch.DEMO)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static int dataStart(ByteBuffer file) throws Exception {
    long data = 0;
    Map<String, Object> json = JSON.std.mapFrom(success("inspect", DEMO, "--json").out());
    for (Object tensor : (List<?>) json.get("tensors")) {
      data += ((Number) ((Map<?, ?>) tensor).get("bytes")).longValue();
    }
    return Math.toIntExact(file.capacity() - data);
  }

  @Test
  void damagedNumbersAreFound() throws Exception {
    ByteBuffer file = demoBytes();
    int start = dataStart(file);
    file.putFloat(start + 4 * 300, Float.NaN); // in token_embd
    Launch launch = inspect(file, "--check");
    assertEquals(1, launch.exitCode(), launch.err());
    assertTrue(
        launch
            .out()
            .contains(
                "problem: token_embd.weight: 1 values are not numbers and 0 are infinite, the"
                    + " first at index 300"),
        launch.out());
    assertEquals(0, inspect(file).exitCode(), "without --check nothing is read");
  }

  @Test
  void damagedScalesAndSignsAreFound() throws Exception {
    ByteBuffer file = demoBytes();
    Map<String, Object> json = JSON.std.mapFrom(success("inspect", DEMO, "--json").out());
    int at = dataStart(file);
    for (Object each : (List<?>) json.get("tensors")) {
      Map<?, ?> tensor = (Map<?, ?>) each;
      String name = (String) tensor.get("name");
      if (name.equals("blk.0.attn_k.weight")) {
        file.putShort(at + 68, (short) 0x7C00); // the scale of the second tile: infinity
      }
      if (name.equals("blk.2.attn_v.sign_l.weight")) {
        file.putFloat(at + 12, 0);
      }
      if (name.equals("blk.3.ffn_gate_exps.weight")) {
        for (int tile = 0; tile < 256; tile++) {
          file.putShort(at + (5 * 256 + tile) * 68, (short) 0); // all scales of expert 5
        }
      }
      at += ((Number) tensor.get("bytes")).intValue();
    }
    Launch launch = inspect(file, "--check");
    assertEquals(1, launch.exitCode(), launch.err());
    List<String> problems =
        launch.out().lines().filter(line -> line.startsWith("  problem: ")).toList();
    assertEquals(3, problems.size(), problems.toString());
    assertTrue(problems.get(0).contains("blk.0.attn_k.weight"), problems.toString());
    assertTrue(problems.get(0).contains("256 are infinite"), problems.toString());
    assertTrue(problems.get(1).contains("attn_v.weight: output signs: some are zero"));
    assertTrue(problems.get(2).contains("expert 5: all 65,536 values are zero"));
  }

  private Launch inspect(ByteBuffer file, String... flags) throws Exception {
    Path damaged = Files.write(folder.resolve("damaged.gguf"), file.array());
    String[] arguments = new String[flags.length + 2];
    arguments[0] = "inspect";
    arguments[1] = damaged.toString();
    System.arraycopy(flags, 0, arguments, 2, flags.length);
    return Launch.here(arguments);
  }

  @Test
  void whatCannotBeRunIsShownWithTheReason() throws Exception {
    Path other = Gguf.demo().replace("olmoe", "olmoo").write(folder.resolve("other.gguf"));
    Launch launch = success("inspect", other.toString());
    assertTrue(launch.out().contains("cannot be run: "), launch.out());
    assertTrue(launch.out().contains("'olmoo'"), launch.out());
    Launch checked = Launch.here("inspect", other.toString(), "--check");
    assertEquals(1, checked.exitCode());
    assertTrue(checked.out().contains("not checked: no operator of the plan"), checked.out());
    assertTrue(checked.out().matches("(?s).* blk.0.attn_q.weight +nobody +not checked *\n.*"));

    Launch without = success("inspect", DEMO, "--exclude-provider", "qtip");
    assertTrue(without.out().contains("no codec understands tensor"), without.out());
  }

  @Test
  void whatIsNoModelFailsInOneSentence() throws Exception {
    Launch launch = Launch.here("inspect", Files.writeString(folder.resolve("x"), "x").toString());
    assertEquals(1, launch.exitCode());
    assertTrue(launch.sentence().contains("no model file"), launch.err());
    assertEquals(2, Launch.here("inspect", folder.resolve("none").toString()).exitCode());
  }

  @Test
  void explainNamesKernelsAndReasons() throws Exception {
    String text = success("explain", "-m", DEMO).out();
    assertTrue(text.startsWith("backend cpu: "), text);
    assertTrue(text.contains("router of layers 0 to 3\n  weights plain F32, 16 × 256\n"), text);
    assertTrue(text.contains("kernel dense-f32\n  not qtip"), text);
    Map<String, Object> json =
        JSON.std.mapFrom(success("explain", "-m", DEMO, "--json", "--precision", "exact").out());
    assertEquals("cpu", json.get("backend"));
    List<?> operators = (List<?>) json.get("operators");
    long layered =
        operators.stream()
            .map(Map.class::cast)
            .mapToLong(group ->
                ((List<?>) group.get("roles")).size() * ((List<?>) group.get("layers")).size())
            .sum();
    assertEquals(2 + 4 * 8, layered, "every operator of four layers, embedding and head");
  }

  @Test
  void pluginsListsEveryProviderWithItsJar() throws Exception {
    String text = success("plugins").out();
    assertTrue(text.contains("codec qtip: "), text);
    assertTrue(text.contains("  module org.espalier.codec.qtip in espalier-codec-qtip-"), text);
    assertTrue(text.contains("works here: "), text);
    assertTrue(text.contains("backend cuda: "), text);
    List<Object> json = JSON.std.listFrom(success("plugins", "--json").out());
    Map<?, ?> cpu =
        json.stream()
            .map(Map.class::cast)
            .filter(each -> each.get("kind").equals("backend") && each.get("name").equals("cpu"))
            .findFirst()
            .orElseThrow();
    assertEquals(true, cpu.get("usable"));
    assertEquals("org.espalier.backend.cpu", cpu.get("module"));
  }

  @Test
  void repairAddsMetadataAndKeepsTensors() throws Exception {
    Path repaired = folder.resolve("repaired.gguf");
    Launch launch = success("repair", DEMO, repaired.toString());
    assertTrue(launch.err().contains("tokenizer.ggml.token_type"), launch.err());
    Map<String, Object> before = JSON.std.mapFrom(success("inspect", DEMO, "--json").out());
    Map<String, Object> after =
        JSON.std.mapFrom(success("inspect", repaired.toString(), "--json").out());
    assertEquals(before.get("tensors"), after.get("tensors"));
    assertEquals(List.of(), ((Map<?, ?>) after.get("reading")).get("left_open"));
    byte[] old = Files.readAllBytes(Launch.DEMO);
    byte[] made = Files.readAllBytes(repaired);
    int data = old.length - dataStart(demoBytes());
    assertEquals(
        ByteBuffer.wrap(old, old.length - data, data),
        ByteBuffer.wrap(made, made.length - data, data));

    Launch again = Launch.here("repair", DEMO, repaired.toString());
    assertEquals(2, again.exitCode());
    assertTrue(again.sentence().contains("--force"), again.err());
    Path twice = folder.resolve("twice.gguf");
    Launch plain = success("repair", repaired.toString(), twice.toString());
    assertTrue(plain.err().contains("plain copy"), plain.err());
    assertEquals(-1, Files.mismatch(repaired, twice));
    assertEquals(2, Launch.here("repair", DEMO, DEMO, "--force").exitCode(), "not onto itself");

    String[] line = {"completion", "-p", "Once upon a time", "-n", "20", "--temp", "0", "-m", DEMO};
    String told = success(line).out();
    line[8] = repaired.toString();
    Launch quiet = success(line);
    assertEquals(told, quiet.out());
    assertTrue(!quiet.err().contains("note: tokenizer"), quiet.err());
  }
}
