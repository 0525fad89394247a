# For the Python of the image, whichever this machine has.
python3 -m pip install --quiet --no-compile --only-binary=:all: --python-version 3.11 --target "$PWD/usr/local/lib/python3.11/dist-packages" \
    kafka-python==2.2.15 minio==7.2.16 boto3==1.40.0 temporalio==1.15.0
