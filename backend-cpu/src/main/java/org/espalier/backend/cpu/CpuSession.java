package org.espalier.backend.cpu;

import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.SessionRules;
import org.espalier.backend.cpu.stage.SequenceState;

/** One sequence on the CPU. */
final class CpuSession implements Session {
  private final CpuExecutable executable;
  private final int contextLength;
  private final SequenceState state;
  private final CpuExecutable.Output output;
  private boolean closed;

  CpuSession(CpuExecutable executable, SessionOptions options, SequenceState state) {
    this.executable = executable;
    this.contextLength = options.contextLength();
    this.state = state;
    this.output = executable.newOutput();
  }

  CpuExecutable executable() {
    return executable;
  }

  SequenceState state() {
    return state;
  }

  CpuExecutable.Output output() {
    return output;
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public int position() {
    return state.position();
  }

  @Override
  public int contextLength() {
    return contextLength;
  }

  @Override
  public void truncate(int position) {
    SessionRules.checkTruncation(this, position);
    state.truncate(position);
  }

  @Override
  public boolean copyFrom(Session other, int positions) {
    return executable.copy(other, this, positions);
  }

  @Override
  public Rows forward(Activations input, int wanted) {
    return executable.forward(this, input, wanted);
  }

  @Override
  public void close() {
    closed = true;
    state.release();
  }
}
