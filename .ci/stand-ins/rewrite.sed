# What is changed in the documents' commands before they run with stand-ins, each command in one line.

# Servers go to the background, on a port that is free.
/--help/!s#^((.* )?)(\./espalier serve)( |$)#\1start \3\4#
s#^(java .*TaleService)#start \1#
s#espalier serve-load#& --url http://127.0.0.1:8080#
s#:80(80|81)#:$SPARE_PORT#g
s#--port "?8080"?#--port $SPARE_PORT#
s#\bPID\b#$server#

# Words that stand for something.
s#espalier ([a-z]+) M( |$)#espalier \1 -m olmoe-qtip-2b-v2.gguf\2#
s#--(backend|exclude-provider) NAME#--\1 offload#
s#\bCOMMAND\b#completion#
s#\bFILE\b#model.gguf#
s#quantize --shard I/N#quantize -m hf --calibration train.txt -o shared.gguf --sequences 4 --length 32 --shard 1/2#
s#/path/to/jdk#$JAVA_HOME#
s#file:///tmp/#file://$PWD/#

# Smaller shapes and less of everything, in the demo model's context.
/espalier (perplexity|compare)/s#-c 512#-c 128#
s#synthesize (.*) --preset olmoe-1b-7b#synthesize \1 --preset tiny#
/espalier synthesize/{ / -o /!s#$# -o synthesized.gguf#; }
/--preset/!s#espalier synthesize#& --preset tiny#
s#--sequences [0-9]+#--sequences 4#
s#--length [0-9]+#--length 32#
s#-c 2048#-c 512#
s#-d 0,2048#-d 0,128#
s#-n [0-9]{2,}#-n 8#
s#-p 512#-p 32#
/ -r /!s#espalier bench#& -r 1#
s#bench -r 1 -o json#& -p 32 -n 8#
s#--protocol hf#& -c 16#
s#--seconds [0-9]+#--seconds 3 --random 100#
s#mvn -Prelease#& -pl downloads -am#
s#benchmarks\.jar#& -f 1 -wi 0 -i 1 -r 50ms ClockBenchmark#

s#^backend-cuda/check-device$#TMPDIR=$SCRATCH & --only sanitizer --out device#

# Places and programs that only some machines have.
s#/sys/fs/cgroup/#cgroup/#g
s#^/usr/bin/time -v ##
