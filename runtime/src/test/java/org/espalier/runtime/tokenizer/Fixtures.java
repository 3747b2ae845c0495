package org.espalier.runtime.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;

/** Vocabularies and cases that several tests use. */
public final class Fixtures {
  private Fixtures() {}

  /** A text and what it becomes. */
  record Case(String text, int[] ids) {
    static Case of(String line) {
      Map<String, Object> json = Json.object(line);
      return new Case((String) json.get("text"), Json.ids(json.get("ids")));
    }

    @Override
    public String toString() {
      return text;
    }
  }

  static List<Case> cases(String resource) {
    return new String(resource(resource), UTF_8).lines().map(Case::of).toList();
  }

  static byte[] resource(String name) {
    try (InputStream in = Fixtures.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** OLMo's vocabulary as the published file has it: no pre-tokenizer, types or special ids. */
  public static Metadata olmo() {
    try (InputStream in = new GZIPInputStream(Fixtures.class.getResourceAsStream("olmo.json.gz"))) {
      Map<String, Object> json = Json.object(new String(in.readAllBytes(), UTF_8));
      return metadata(Json.texts(json.get("tokens")), Json.texts(json.get("merges")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static Metadata metadata(List<String> tokens, List<String> merges) {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put("tokenizer.ggml.model", new MetadataValue.Text("gpt2"));
    entries.put("tokenizer.ggml.tokens", new MetadataValue.Texts(tokens));
    entries.put("tokenizer.ggml.merges", new MetadataValue.Texts(merges));
    return new Metadata(entries);
  }

  /** The 256 tokens of single bytes, in the order of the bytes, and the given ones after them. */
  static List<String> bytesAnd(String... names) {
    ByteAlphabet alphabet = new ByteAlphabet();
    List<String> tokens = new ArrayList<>();
    for (int value = 0; value < 256; value++) {
      tokens.add(String.valueOf(alphabet.character(value)));
    }
    tokens.addAll(List.of(names));
    return tokens;
  }

  static Tokenizer quiet(Metadata metadata) {
    return Tokenizer.of(metadata, TokenizerCompatibility.HUGGING_FACE, notice -> {});
  }

  /** The metadata of the demo model. */
  static Metadata tinyTales() {
    return gguf(Path.of(System.getProperty("espalier.models"), "tiny-tales-qtip.gguf"));
  }

  /** The metadata of a well-formed GGUF; only the types that tokenizers use. */
  static Metadata gguf(Path path) {
    try (FileChannel file = FileChannel.open(path)) {
      ByteBuffer in =
          file.map(FileChannel.MapMode.READ_ONLY, 0, Math.min(file.size(), Integer.MAX_VALUE))
              .order(ByteOrder.LITTLE_ENDIAN)
              .position(16);
      Map<String, MetadataValue> entries = new LinkedHashMap<>();
      for (long left = in.getLong(); left > 0; left--) {
        entries.put(text(in), value(in, in.getInt()));
      }
      return new Metadata(entries);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String text(ByteBuffer in) {
    byte[] bytes = new byte[Math.toIntExact(in.getLong())];
    in.get(bytes);
    return new String(bytes, UTF_8);
  }

  private static MetadataValue value(ByteBuffer in, int type) {
    return switch (type) {
      case 4, 5 -> new MetadataValue.Whole(MetadataValue.WholeType.INT32, in.getInt());
      case 6 -> new MetadataValue.Real(MetadataValue.RealType.FLOAT32, in.getFloat());
      case 7 -> new MetadataValue.Flag(in.get() != 0);
      case 8 -> new MetadataValue.Text(text(in));
      case 9 -> array(in, in.getInt());
      default -> throw new IllegalArgumentException("type " + type);
    };
  }

  private static MetadataValue array(ByteBuffer in, int type) {
    int count = Math.toIntExact(in.getLong());
    List<String> texts = new ArrayList<>();
    List<Long> wholes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      if (type == 8) {
        texts.add(text(in));
      } else {
        wholes.add((long) in.getInt());
      }
    }
    return type == 8
        ? new MetadataValue.Texts(texts)
        : new MetadataValue.Wholes(MetadataValue.WholeType.INT32, wholes);
  }
}
