package org.espalier.codec.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation.SignedHadamard;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class QtipCodecTest {
  private static final StorageType TYPE_41 = new StorageType.Block("ggml", 41, "type 41");
  private static final LinearShape PLAIN = new LinearShape(1, 32, 256);
  private static final LinearShape BANK = new LinearShape(3, 32, 256);

  private final QtipCodec codec = new QtipCodec();

  private EncodedLinear claimed(LinearShape shape, Map<String, Tensor> members) {
    return codec.claim(Fixtures.group(shape, members)).orElseThrow(Unsupported::new);
  }

  private String refused(LinearShape shape, Map<String, Tensor> members) {
    Offer<EncodedLinear> offer = codec.claim(Fixtures.group(shape, members));
    return assertInstanceOf(Offer.Declined.class, offer).reason();
  }

  private static void assertSays(String reason, String... parts) {
    for (String part : parts) {
      assertTrue(reason.contains(part), () -> "'" + reason + "' lacks '" + part + "'");
    }
  }

  @Test
  void isANamedModuleThatProvidesACodec() {
    Module module = QtipCodec.class.getModule();
    assertTrue(module.isNamed());
    assertEquals("org.espalier.codec.qtip", module.getName());
    assertTrue(
        module.getDescriptor().provides().stream()
            .anyMatch(service ->
                service.service().equals(Codec.class.getName())
                    && service.providers().contains(QtipCodec.class.getName())));
    assertEquals(new CodecId("qtip"), codec.id());
  }

  @ParameterizedTest
  @CsvSource({"1, 16, 256", "1, 64, 512", "3, 32, 256", "64, 16, 256", "2, 1024, 256"})
  void claimsSoundGroups(int experts, int outputs, int inputs) {
    LinearShape shape = new LinearShape(experts, outputs, inputs);
    Map<String, Tensor> members = Fixtures.members(shape, 1);
    EncodedLinear linear = claimed(shape, members);

    assertEquals(Fixtures.ID, linear.id());
    assertEquals(new CodecId("qtip"), linear.codec());
    assertEquals(1, linear.layout());
    assertEquals(shape, linear.shape());
    assertEquals(
        Set.of("tiles", "codebook", "input_signs", "output_signs"), linear.parts().keySet());
    assertSameBytes(members.get("weight").bytes(), linear.parts().get("tiles"));
    assertSameBytes(members.get("sign_r.weight").bytes(), linear.parts().get("input_signs"));
    assertSameBytes(members.get("sign_l.weight").bytes(), linear.parts().get("output_signs"));
    assertArrayEquals(
        Fixtures.bytes("hyb-q9.f32le"),
        linear.parts().get("codebook").toArray(ValueLayout.JAVA_BYTE));

    LinearForm.Tiled form = assertInstanceOf(LinearForm.Tiled.class, linear.form());
    assertEquals(new TileGrid(16, 16), form.grid());
    SignedHadamard output = assertInstanceOf(SignedHadamard.class, form.output());
    SignedHadamard input = assertInstanceOf(SignedHadamard.class, form.input());
    assertEquals(outputs, output.block());
    assertEquals(inputs, input.block());
    assertSame(linear.parts().get("output_signs"), output.signs());
    assertSame(linear.parts().get("input_signs"), input.signs());

    float[] last = new float[256];
    form.core().decode(experts - 1, outputs / 16 - 1, inputs / 16 - 1, 1, last, 0);
    float[] expected = new float[256];
    Trellis.decodeTile(
        linear.parts().get("tiles"),
        linear.parts().get("tiles").byteSize() - 68,
        Codebook.load(),
        expected,
        0);
    assertArrayEquals(expected, last);
  }

  private static void assertSameBytes(MemorySegment expected, MemorySegment actual) {
    assertEquals(-1, expected.mismatch(actual));
  }

  @Test
  void takesNoMoreThanItsTilesFromATypeOfUnknownSize() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 2);
    MemorySegment tiles = members.get("weight").bytes();
    MemorySegment padded = MemorySegment.ofArray(new byte[(int) tiles.byteSize() + 28]);
    padded.asSlice(0, tiles.byteSize()).copyFrom(tiles);
    Fixtures.put(members, "weight", TYPE_41, List.of(32L, 256L), padded);
    assertSameBytes(tiles, claimed(PLAIN, members).parts().get("tiles"));
  }

  @Test
  void aBankOfOneMayBeListedAsAStack() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 3);
    Tensor weight = members.get("weight");
    Tensor left = members.get("sign_l.weight");
    Fixtures.put(members, "weight", TYPE_41, List.of(1L, 32L, 256L), weight.bytes());
    Fixtures.put(members, "sign_l.weight", Fixtures.F32, List.of(1L, 32L), left.bytes());
    assertEquals(PLAIN, claimed(PLAIN, members).shape());
  }

  @Test
  void signsMayBeAnyFiniteNumber() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 4);
    float[] signs = new float[32];
    signs[0] = 0;
    signs[1] = -0.37f;
    signs[2] = Float.MAX_VALUE;
    signs[3] = Float.MIN_VALUE;
    Fixtures.put(members, "sign_l.weight", Fixtures.F32, List.of(32L), Fixtures.segment(signs));
    assertSameBytes(Fixtures.segment(signs), claimed(PLAIN, members).parts().get("output_signs"));
  }

  @Test
  void scalesAreNotReadWhenClaiming() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 5);
    byte[] noNumbers = new byte[(int) Fixtures.tiles(PLAIN) * 68];
    Arrays.fill(noNumbers, (byte) 0xFF);
    Fixtures.put(members, "weight", TYPE_41, List.of(32L, 256L), MemorySegment.ofArray(noNumbers));
    LinearForm.Tiled form = (LinearForm.Tiled) claimed(PLAIN, members).form();
    float[] decoded = new float[256];
    form.core().decode(0, 1, 3, 1, decoded, 0);
    assertTrue(Float.isNaN(decoded[17]));
  }

  @Test
  void declinesOtherTypes() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 6);
    Fixtures.put(
        members, "weight", Fixtures.F32, List.of(32L, 256L), Fixtures.segment(new float[8192]));
    assertSays(refused(PLAIN, members), "blk.3.attn_k.weight", "F32", "not QTIP_2B");

    StorageType other = new StorageType.Block("ggml", 12, "Q4_K");
    Fixtures.put(members, "weight", other, List.of(32L, 256L), Fixtures.segment());
    assertSays(refused(PLAIN, members), "Q4_K", "not QTIP_2B");

    StorageType foreign = new StorageType.Block("another", 41, "number 41 of another");
    Fixtures.put(members, "weight", foreign, List.of(32L, 256L), Fixtures.segment());
    assertSays(refused(PLAIN, members), "number 41 of another", "not QTIP_2B");
  }

  @Test
  void declinesNumber41WithoutSigns() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 7);
    members.keySet().retainAll(Set.of("weight"));
    assertSays(
        refused(PLAIN, members),
        "blk.3.attn_k.sign_r.weight",
        "blk.3.attn_k.sign_l.weight",
        "not QTIP_2B",
        "other projects use number 41");
  }

  @ParameterizedTest
  @ValueSource(strings = {"sign_r.weight", "sign_l.weight"})
  void namesTheSignTensorThatIsMissing(String suffix) {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 8);
    members.remove(suffix);
    assertSays(refused(PLAIN, members), "is QTIP_2B, but", "blk.3.attn_k." + suffix, "missing");
  }

  @Test
  void declinesAGroupWithoutWeight() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 9);
    members.remove("weight");
    assertSays(refused(PLAIN, members), "there is no tensor 'blk.3.attn_k.weight'");
    assertSays(refused(PLAIN, Map.of()), "there is no tensor 'blk.3.attn_k.weight'");
  }

  @Test
  void declinesWhatHasNoMeaningBesideIt() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 10);
    Fixtures.put(members, "bias", Fixtures.F32, List.of(32L), Fixtures.segment(new float[32]));
    assertSays(refused(PLAIN, members), "blk.3.attn_k.bias", "no meaning");
  }

  @Test
  void declinesAMatrixOfAnotherShape() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 11);
    assertSays(
        refused(new LinearShape(1, 256, 32), members),
        "blk.3.attn_k.weight",
        "[32, 256]",
        "[256, 32]");
    assertSays(refused(new LinearShape(2, 32, 256), members), "[32, 256]", "expected [2, 32, 256]");
    assertSays(refused(PLAIN, Fixtures.members(BANK, 11)), "[3, 32, 256]", "expected [32, 256]");
  }

  @ParameterizedTest
  @CsvSource({"8, 256", "48, 256", "16, 128", "16, 768"})
  void declinesDimensionsThatHaveNoHadamardTransform(int outputs, int inputs) {
    LinearShape shape = new LinearShape(1, outputs, inputs);
    assertSays(
        refused(shape, Fixtures.members(shape, 12)),
        "is QTIP_2B, but",
        outputs + " outputs × " + inputs + " inputs",
        "powers of two");
  }

  @Test
  void declinesTooFewBytes() {
    Map<String, Tensor> members = Fixtures.members(PLAIN, 13);
    MemorySegment tiles = members.get("weight").bytes();
    Fixtures.put(
        members, "weight", TYPE_41, List.of(32L, 256L), tiles.asSlice(0, tiles.byteSize() - 1));
    assertSays(refused(PLAIN, members), "blk.3.attn_k.weight", "needs 2176 bytes", "room for 2175");
  }

  @Test
  void declinesSignsOfAnotherType() {
    Map<String, Tensor> members = Fixtures.members(BANK, 14);
    Fixtures.put(
        members,
        "sign_r.weight",
        new StorageType.Plain(ElementType.F16),
        List.of(3L, 256L),
        MemorySegment.ofArray(new byte[3 * 256 * 2]));
    assertSays(refused(BANK, members), "blk.3.attn_k.sign_r.weight", "F16", "not F32");
  }

  @Test
  void declinesSignsOfAnotherShape() {
    Map<String, Tensor> members = Fixtures.members(BANK, 15);
    MemorySegment signs = members.get("sign_l.weight").bytes();
    Fixtures.put(members, "sign_l.weight", Fixtures.F32, List.of(96L), signs);
    assertSays(refused(BANK, members), "blk.3.attn_k.sign_l.weight", "[96]", "expected [3, 32]");
    Fixtures.put(members, "sign_l.weight", Fixtures.F32, List.of(1L, 96L), signs);
    assertSays(refused(BANK, members), "[1, 96]", "expected [3, 32]");
  }

  @Test
  void declinesSignsThatAreCutShort() {
    Map<String, Tensor> members = Fixtures.members(BANK, 16);
    MemorySegment signs = members.get("sign_l.weight").bytes();
    Fixtures.put(members, "sign_l.weight", Fixtures.F32, List.of(3L, 32L), signs.asSlice(0, 380));
    assertSays(refused(BANK, members), "sign_l.weight", "needs 384 bytes", "room for 380");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void declinesSignsThatAreNotFinite(float sign) {
    Map<String, Tensor> members = Fixtures.members(BANK, 17);
    float[] signs = Fixtures.randomSigns(3 * 256, 18);
    signs[3 * 256 - 1] = sign;
    Fixtures.put(
        members, "sign_r.weight", Fixtures.F32, List.of(3L, 256L), Fixtures.segment(signs));
    assertSays(
        refused(BANK, members), "blk.3.attn_k.sign_r.weight", Float.toString(sign), "index 767");
  }
}
