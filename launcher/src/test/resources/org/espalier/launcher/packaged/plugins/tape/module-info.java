/** A format of a third party. */
module com.example.tape {
  requires org.espalier.api;

  provides org.espalier.api.format.ModelFormat with
      com.example.tape.TapeFormat;
}
