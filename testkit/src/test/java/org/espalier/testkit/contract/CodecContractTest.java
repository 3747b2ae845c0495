package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.TileDecoder;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.fixture.RandomTensors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The contract of codecs passes an honest codec and catches planted faults. */
class CodecContractTest {

  @Nested
  class HonestCodec extends CodecContract {
    @Override
    protected Codec codec() {
      return new ByteTilesCodec();
    }

    @Override
    protected List<TensorGroup> own() {
      return groups();
    }
  }

  @Test
  void claimsAnyType() {
    CodecContract contract =
        contract(
            new ByteTilesCodec() {
              @Override
              boolean is(Tensor tensor, StorageType type, long bytes) {
                return tensor.bytes().byteSize() == bytes;
              }
            });
    assertCaught(contract.declinesOthers());
  }

  @Test
  void claimsAnySize() {
    CodecContract contract =
        contract(
            new ByteTilesCodec() {
              @Override
              boolean is(Tensor tensor, StorageType type, long bytes) {
                return tensor.type().equals(type);
              }
            });
    assertCaught(contract.declinesTruncatedMembers());
    assertCaught(contract.declinesOthers());
  }

  @Test
  void decodesNothingButFirstTiles() {
    CodecContract contract =
        contract(
            decoding((honest, expert, row, column, count, target, offset) ->
                honest.decode(expert, row, column, 1, target, offset)));
    assertCaught(contract.runsEqualSingleTiles());
  }

  @Test
  void writesBeyondItsPlace() {
    CodecContract contract =
        contract(
            decoding((honest, expert, row, column, count, target, offset) -> {
              honest.decode(expert, row, column, count, target, offset);
              target[0] = 0;
            }));
    assertCaught(contract.runsEqualSingleTiles());
  }

  @Test
  void decodesFromMemoryOfEarlierCalls() {
    AtomicInteger calls = new AtomicInteger();
    CodecContract contract =
        contract(
            decoding((honest, expert, row, column, count, target, offset) -> {
              honest.decode(expert, row, column, count, target, offset);
              target[offset] += calls.incrementAndGet() > 100 ? 1 : 0;
            }));
    assertCaught(contract.decodesFromManyThreads());
  }

  @Test
  void packsTilesInAnotherOrder() {
    CodecContract contract =
        contract(
            decoding((honest, expert, row, column, count, target, offset) -> {
              honest.decode(expert, row, column, count, target, offset);
              target[offset] += row;
            }));
    assertCaught(contract.readsWhatItPacks());
  }

  private interface Decoding {
    void decode(
        TileDecoder honest, int expert, int row, int column, int count, float[] target, int offset);
  }

  private static Codec decoding(Decoding decoding) {
    return new ByteTilesCodec() {
      @Override
      TileDecoder decoder(LinearShape shape, MemorySegment tiles) {
        TileDecoder honest = super.decoder(shape, tiles);
        return (expert, row, column, count, target, offset) ->
            decoding.decode(honest, expert, row, column, count, target, offset);
      }
    };
  }

  private static CodecContract contract(Codec codec) {
    return new CodecContract() {
      @Override
      protected Codec codec() {
        return codec;
      }

      @Override
      protected List<TensorGroup> own() {
        return groups();
      }
    };
  }

  private static List<TensorGroup> groups() {
    return List.of(
        group("plain", Role.QUERY, new LinearShape(1, 8, 24)),
        group("experts", Role.EXPERT_UP, new LinearShape(3, 12, 16)));
  }

  private static TensorGroup group(String stem, Role role, LinearShape shape) {
    Packing packing = new ByteTilesCodec().packing(shape).orElseThrow(Unsupported::new);
    return new RandomTensors(1).packed(new OperatorId(0, role), stem, packing);
  }

  private static void assertCaught(Stream<DynamicTest> tests) {
    assertThrows(
        AssertionError.class,
        () -> {
          for (DynamicTest test : tests.toList()) {
            test.getExecutable().execute();
          }
        });
  }
}
